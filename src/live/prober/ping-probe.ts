/**
 * icmp_ping and udp_icmp probes. Node has no raw sockets, so the system's `ping` sends the echo, where it is installed and allowed;
 * otherwise the probe fails as `monitor_config_error` and says why, and `whyNoPing` says it before the first probe.
 *
 * udp_icmp (spec 3.1, LB-149): the ping succeeds, then a UDP packet draws no port-unreachable. Silence is the good answer there, so
 * some time has to pass: `UDP_PATIENCE_MS`, or what is left of the time-out if that is less.
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Attempt } from './attempt.ts';
import { type Lookup, resolve } from './connect.ts';
import { codeOf, reasonOf, wordsOf } from './socket-reasons.ts';

/** How long a port-unreachable may take: several round trips of any path on earth. */
const UDP_PATIENCE_MS = 500;
/** `ping` prints a few lines. */
const MAX_OUTPUT_BYTES = 16_384;

export interface PingOptions {
  readonly lookup: Lookup;
  /** The program; default `ping`, found by PATH. */
  readonly command: string;
}

export function probePing(attempt: Attempt, options: PingOptions): void {
  resolve(attempt, options.lookup, attempt.request.address, (address) => {
    attempt.begin();
    attempt.phase = 'waiting';
    echo(attempt, options.command, address, (rttUs) => attempt.passed(rttUs));
  });
}

export function probeUdp(attempt: Attempt, options: PingOptions): void {
  const { port, timeoutMs } = attempt.request;
  resolve(attempt, options.lookup, attempt.request.address, (address) => {
    attempt.begin();
    attempt.phase = 'waiting';
    echo(attempt, options.command, address, (rttUs) => {
      const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      const leftMs = timeoutMs - attempt.elapsedUs() / 1000;
      const quiet = setTimeout(() => attempt.passed(rttUs), Math.max(0, Math.min(UDP_PATIENCE_MS, leftMs / 2)));
      attempt.hold({
        release: () => {
          clearTimeout(quiet);
          socket.close();
        },
      });
      socket.on('error', (error) => {
        const refused = codeOf(error) === 'ECONNREFUSED';
        attempt.failed(refused ? 'icmp_port_unreachable' : reasonOf(error), wordsOf(error));
      });
      // An answer is as good as silence, and quicker.
      socket.on('message', () => attempt.passed(rttUs));
      // Only a connected socket is told of port-unreachable.
      socket.connect(port, address, () => {
        if (!attempt.ended) socket.send(new Uint8Array(1));
      });
    });
  });
}

/** Why `ping` cannot be used here; `undefined` = it can. Asks by pinging this machine. */
export function whyNoPing(command: string): Promise<string | undefined> {
  return new Promise((settle) => {
    run(command, '127.0.0.1', 1_000, (error, _, stderr) =>
      settle(error === null ? undefined : cannotRun(command, error, stderr)),
    );
  });
}

function echo(attempt: Attempt, command: string, address: string, then: (rttUs: number) => void): void {
  const child = run(command, address, attempt.request.timeoutMs, (error, stdout, stderr) => {
    if (attempt.ended) return;
    if (error === null) {
      const ms = /time[=<]([\d.]+)\s*ms/.exec(stdout)?.[1];
      then(ms === undefined ? attempt.elapsedUs() : Math.round(Number(ms) * 1000));
      return;
    }
    const why = cannotRun(command, error, stderr);
    if (why !== undefined) attempt.failed('monitor_config_error', why);
    else if (/unreachable/i.test(stdout))
      attempt.failed('no_route_to_host', 'the network says that the host is unreachable');
    else attempt.failed('icmp_timeout', 'no echo reply');
  });
  attempt.hold({ release: () => child?.kill('SIGKILL') });
}

type Ended = (error: Error | null, stdout: string, stderr: string) => void;

function run(command: string, address: string, timeoutMs: number, ended: Ended): ChildProcess | undefined {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
  // macOS counts -W in milliseconds.
  const patience = process.platform === 'darwin' ? String(timeoutMs) : String(seconds);
  try {
    return execFile(
      command,
      ['-n', '-c', '1', '-W', patience, '--', address],
      {
        env: { ...process.env, LC_ALL: 'C' },
        maxBuffer: MAX_OUTPUT_BYTES,
        timeout: (seconds + 1) * 1000,
        windowsHide: true,
      },
      (error, stdout, stderr) => ended(error, stdout, stderr),
    );
  } catch (error) {
    queueMicrotask(() => ended(error instanceof Error ? error : new Error(String(error)), '', ''));
    return undefined;
  }
}

/** Exit 1 means that no reply came, which is an answer; everything else means that no echo was sent. */
function cannotRun(command: string, error: Error, stderr: string): string | undefined {
  if ('code' in error && error.code === 1) return undefined;
  if (codeOf(error) === 'ENOENT') return `icmp probes need the program "${command}", which is not installed`;
  if (codeOf(error) === 'EACCES') return `icmp probes need the program "${command}", which may not be run`;
  if ('killed' in error && error.killed === true) return undefined;
  return `"${command}" sent no echo: ${stderr.trim().split('\n')[0] || wordsOf(error)}`;
}
