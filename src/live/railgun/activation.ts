/**
 * The listener's side of activation (spec 2.3): posts token and address to the control plane that `activate.server` names, takes the id
 * and a certificate for its own key, tells it now and then that it is alive, and says goodbye when it drains. The other side is
 * `api/activation.ts`.
 *
 * A control plane that refuses the token is final (RG-086). One that cannot be reached is not: lanes are proven by the token, so the
 * listener serves, and tries again with every heartbeat.
 */
import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import { cryptoProvider, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { Line } from '../../railgun/log-lines.ts';
import { type Certificate, privateKeyPem, railgunIdOf } from './identity.ts';

export interface ActivationSettings {
  readonly activateServer: string;
  readonly activationToken: string;
  readonly activationRailgunHost: string;
  /** 0 = no heartbeat. */
  readonly activationHeartbeatSeconds: number;
}

export interface Activated {
  readonly kind: 'activated';
  /** `undefined` when none was asked for. */
  readonly certificate: Certificate | undefined;
}

export type ActivationOutcome =
  | Activated
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string };

/** The control plane answers at once or is in trouble. */
const POST_TIMEOUT_MS = 10_000;
/** After a start without the control plane, where no heartbeat is configured. */
const AGAIN_SECONDS = 60;
const ANSWER_MAX = 65_536;

/** `http://…` and `https://…` as they are; a name alone is HTTPS, as the original's was. `undefined`: it is no address. */
export function activationUrl(server: string): URL | undefined {
  try {
    const url = new URL(/^https?:\/\//i.test(server) ? server : `https://${server}`);
    return url.hostname === '' ? undefined : url;
  } catch {
    return undefined;
  }
}

export class Activation {
  readonly #settings: ActivationSettings;
  readonly #url: URL;
  readonly #facts: { readonly build: string; readonly version: string };
  readonly #say: (level: 0 | 1, line: string) => void;
  readonly #instance = randomUUID();
  #port = 0;
  #activated = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    settings: ActivationSettings,
    url: URL,
    facts: { readonly build: string; readonly version: string },
    say: (level: 0 | 1, line: string) => void,
  ) {
    this.#settings = settings;
    this.#url = url;
    this.#facts = facts;
    this.#say = say;
  }

  /** Says the three lines of the original (RG-087) when all went well. `port` 0: not known yet. */
  async activate(port: number, wantsCertificate: boolean): Promise<ActivationOutcome> {
    this.#port = port;
    const asked = wantsCertificate ? await certificateRequest(this.#settings.activationRailgunHost) : undefined;
    const posted = await this.#post('activate', {
      host: this.#settings.activationRailgunHost,
      port: String(port),
      ...this.#facts,
      ...(asked === undefined ? {} : { csr: asked.request }),
    });
    if (posted.kind !== 'answered') return posted;
    const first = !this.#activated;
    this.#activated = true;
    if (first) {
      this.#say(1, Line.activation.posted);
      this.#say(1, Line.activation.assigned(Number(railgunIdOf(this.#settings.activationToken))));
    }
    if (asked === undefined) return { kind: 'activated', certificate: undefined };
    const cert = posted.railgun['certificate'];
    if (typeof cert !== 'string' || cert === '') return { kind: 'refused', message: 'no certificate came back' };
    this.#say(1, Line.activation.certificate);
    return { kind: 'activated', certificate: { cert, key: asked.key } };
  }

  /** From when the port is known. */
  keepAlive(port: number): void {
    this.#port = port;
    const { activationHeartbeatSeconds } = this.#settings;
    const seconds = activationHeartbeatSeconds || (this.#activated ? 0 : AGAIN_SECONDS);
    if (seconds === 0) return;
    this.#timer = setInterval(() => void this.beat(), seconds * 1_000);
    this.#timer.unref();
  }

  /** What the interval does. */
  async beat(): Promise<void> {
    if (!this.#activated) {
      const outcome = await this.activate(this.#port, false);
      if (outcome.kind !== 'activated') this.#say(0, `[Activation] ${outcome.message}`);
      else if (this.#settings.activationHeartbeatSeconds === 0) this.stop();
      return;
    }
    const posted = await this.#post('heartbeat', {});
    if (posted.kind !== 'answered') this.#say(0, `[Activation] ${posted.message}`);
  }

  /** SIGQUIT, at its end (RG-080). */
  async deactivate(): Promise<void> {
    this.stop();
    if (this.#activated) await this.#post('deactivate', {});
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #post(
    act: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<
    | { readonly kind: 'answered'; readonly railgun: Readonly<Record<string, unknown>> }
    | Exclude<ActivationOutcome, Activated>
  > {
    const body = new URLSearchParams({ rtkn: this.#settings.activationToken, instance: this.#instance, ...fields });
    const url = new URL(`/api/v2/railgun/${act}`, this.#url);
    try {
      const response = await fetch(url, { method: 'POST', body, signal: AbortSignal.timeout(POST_TIMEOUT_MS) });
      const text = await response.text();
      if (text.length > ANSWER_MAX) return { kind: 'unreachable', message: `${url.host} answers at length` };
      const answer = JSON.parse(text) as { msg?: unknown; result?: unknown; response?: { railgun?: object } };
      if (answer.result === 'success') return { kind: 'answered', railgun: { ...answer.response?.railgun } };
      const message = typeof answer.msg === 'string' ? answer.msg : `${url.host} answered ${response.status}`;
      return { kind: 'refused', message };
    } catch (error) {
      const cause = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : '';
      return { kind: 'unreachable', message: `${url.host} cannot be asked: ${cause}` };
    }
  }
}

/** A new key, and the request for its certificate: the key never leaves this process. */
async function certificateRequest(host: string): Promise<{ readonly key: string; readonly request: string }> {
  cryptoProvider.set(webcrypto as Crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const name = `CN=${/^[\w.-]{1,64}$/.test(host) ? host : 'railgun'}`;
  const made = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm: algorithm });
  return { key: await privateKeyPem(keys.privateKey), request: made.toString('pem') };
}
