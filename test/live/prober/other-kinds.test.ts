import { createSocket } from 'node:dgram';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { LiveProbes } from '../../../src/live/prober/prober.ts';
import { ask, closeAll, closedPort, outcome, tcpOrigin } from './lab.ts';

const probes = new LiveProbes();
const directory = mkdtempSync(join(tmpdir(), 'probe-'));

afterEach(async () => {
  await closeAll();
  expect(probes.underWay).toBe(0);
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('tcp', () => {
  it('passes once the connection is there, and closes it', async () => {
    let ended: () => void = () => {};
    const closed = new Promise<void>((done) => {
      ended = done;
    });
    const port = await tcpOrigin((socket) => {
      socket.resume();
      socket.on('close', () => ended());
    });
    expect(outcome(await ask(probes, { type: 'tcp', port }))).toBe('passed');
    await closed;
  });

  it('fails where nothing listens', async () => {
    expect(outcome(await ask(probes, { type: 'tcp', port: await closedPort() }))).toBe('tcp_connection_failed');
  });
});

/** A mail server that answers as told, line by line; HELO and QUIT are taken down. */
function mail(greeting: string, answers: Readonly<Record<string, string>>, heard: string[] = []): Promise<number> {
  return tcpOrigin((socket) => {
    socket.write(greeting);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      const word = text.slice(0, 4);
      heard.push(text.trimEnd());
      socket.write(answers[word] ?? '502 what?\r\n');
    });
  });
}

describe('smtp', () => {
  const good = { HELO: '250 hello\r\n', QUIT: '221 bye\r\n' };
  it('LB-150 passes when HELO is answered 250 and QUIT 221', async () => {
    const heard: string[] = [];
    const port = await mail('220 mail.example ESMTP\r\n', good, heard);
    expect(outcome(await ask(probes, { type: 'smtp', port }))).toBe('passed');
    expect(heard).toEqual(['HELO probe.invalid', 'QUIT']);
  });

  it.each([
    {
      name: 'LB-150 HELO is refused',
      greeting: '220 hi\r\n',
      answers: { ...good, HELO: '550 no\r\n' },
      is: 'response_code_mismatch',
    },
    {
      name: 'LB-150 QUIT is not answered 221',
      greeting: '220 hi\r\n',
      answers: { ...good, QUIT: '250 ok\r\n' },
      is: 'response_code_mismatch',
    },
    { name: 'the greeting turns us away', greeting: '554 no service\r\n', answers: good, is: 'response_code_mismatch' },
    { name: 'it is no mail server', greeting: 'SSH-2.0-x\r\n', answers: good, is: 'response_code_mismatch' },
    {
      name: 'answers of several lines',
      greeting: '220-hi\r\n220 there\r\n',
      answers: { ...good, HELO: '250-a\r\n250 b\r\n' },
      is: 'passed',
    },
    { name: 'a line without an end', greeting: '2'.repeat(10_000), answers: good, is: 'other_failure' },
  ])('$name: $is', async ({ greeting, answers, is }) => {
    const port = await mail(greeting, answers);
    expect(outcome(await ask(probes, { type: 'smtp', port }))).toBe(is);
  });

  it('fails when the server goes away in between', async () => {
    const port = await tcpOrigin((socket) => {
      socket.end('220 hi\r\n');
    });
    expect(outcome(await ask(probes, { type: 'smtp', port }))).toBe('connection_reset');
  });

  it('fails when the server says nothing', async () => {
    const port = await tcpOrigin((socket) => {
      socket.resume();
    });
    expect(outcome(await ask(probes, { type: 'smtp', port, timeoutMs: 50 }))).toBe('tcp_timeout');
  });
});

/** A stand-in for `ping`: what it prints and how it exits. */
function fakePing(name: string, script: string): LiveProbes {
  const command = join(directory, name);
  writeFileSync(command, `#!/bin/sh\n${script}\n`);
  chmodSync(command, 0o755);
  return new LiveProbes({ pingCommand: command });
}

describe('icmp_ping', () => {
  it.each([
    { name: 'a reply', script: 'echo "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.042 ms"', is: 'passed' },
    { name: 'no reply', script: 'exit 1', is: 'icmp_timeout' },
    {
      name: 'unreachable',
      script: 'echo "From 10.0.0.1 icmp_seq=1 Destination Host Unreachable"; exit 1',
      is: 'no_route_to_host',
    },
    {
      name: 'no permission',
      script: 'echo "ping: socket: Operation not permitted" >&2; exit 2',
      is: 'monitor_config_error',
    },
  ])('$name: $is', async ({ name, script, is }) => {
    expect(outcome(await ask(fakePing(name.replaceAll(' ', '-'), script), { type: 'icmp_ping' }))).toBe(is);
  });

  it("takes the round-trip time from the program's own words", async () => {
    const ping = fakePing('timed', 'echo "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=12.3 ms"');
    expect(await ask(ping, { type: 'icmp_ping' })).toEqual({ kind: 'passed', rttUs: 12_300 });
  });

  it('is refused with the reason where the program is missing', async () => {
    const missing = new LiveProbes({ pingCommand: join(directory, 'not-there') });
    expect(await ask(missing, { type: 'icmp_ping' })).toMatchObject({
      reason: 'monitor_config_error',
      detail: expect.stringContaining('which is not installed'),
    });
    expect(await missing.whyNoPing()).toContain('which is not installed');
  });

  it('is not refused where it works', async () => {
    expect(await fakePing('works', 'exit 0').whyNoPing()).toBeUndefined();
  });

  it('ends the program when its time is up', async () => {
    const slow = fakePing('slow', 'exec tail -f /dev/null');
    expect(outcome(await ask(slow, { type: 'icmp_ping', timeoutMs: 50 }))).toBe('icmp_timeout');
  });
});

describe('udp_icmp', () => {
  const ping = (): LiveProbes => fakePing('udp', 'echo "time=1 ms"');

  it('LB-149 fails when port-unreachable comes back', async () => {
    const socket = createSocket('udp4');
    const port = await new Promise<number>((done) => {
      socket.bind(0, '127.0.0.1', () => done((socket.address() as AddressInfo).port));
    });
    await new Promise<void>((done) => socket.close(() => done()));
    expect(outcome(await ask(ping(), { type: 'udp_icmp', port }))).toBe('icmp_port_unreachable');
  });

  it('LB-149 passes when nothing comes back', async () => {
    const socket = createSocket('udp4');
    const port = await new Promise<number>((done) => {
      socket.bind(0, '127.0.0.1', () => done((socket.address() as AddressInfo).port));
    });
    expect(outcome(await ask(ping(), { type: 'udp_icmp', port, timeoutMs: 30_000 }))).toBe('passed');
    await new Promise<void>((done) => socket.close(() => done()));
  });

  it('fails when the ping already does', async () => {
    expect(outcome(await ask(fakePing('dead', 'exit 1'), { type: 'udp_icmp', port: 9 }))).toBe('icmp_timeout');
  });
});
