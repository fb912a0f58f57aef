/**
 * Who the ends of a link are: both derive the Railgun's id from the activation token, and the listener makes its own certificate when it
 * is given none and has no control plane to ask (activation.ts).
 *
 * Why a self-signed certificate is enough: SETTINGS carry an HMAC keyed by the token over a value exported from this very TLS
 * session. Someone in the middle has two sessions with two such values and no token, so one end or the other refuses him before a
 * request is sent. The certificate only makes the session private. See docs/railgun.md, "Trust".
 */
import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { cryptoProvider, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

/** The id that both ends put into their proofs and the log calls the Railgun's: 31 bits, so that it reads like the original's. */
export function railgunIdOf(token: string): string {
  return String(createHash('sha256').update(`railgun id ${token}`).digest().readUInt32BE(0) >>> 1);
}

/** Four hex digits that stand for a build: the last field of `Cf-Railgun`. */
export function buildOf(version: string): string {
  return createHash('sha1').update(`switchyard ${version}`).digest('hex').slice(0, 4);
}

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
}

const DAY_MS = 86_400_000;
/** It lives in this process only; a listener that runs for longer than this has other problems. */
const VALID_DAYS = 825;

/** A fresh key and a self-signed certificate for `name`. */
export async function makeCertificate(name: string, nowMs: number): Promise<Certificate> {
  cryptoProvider.set(webcrypto as Crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const cert = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `00${randomBytes(8).toString('hex')}`,
    name: `CN=${name}`,
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + VALID_DAYS * DAY_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  return { key: await privateKeyPem(keys.privateKey), cert: cert.toString('pem') };
}

export async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
