/**
 * HTTPS for names that no public authority would sign: an authority of our own, made on first use and kept in a folder, and a
 * certificate for each name that is asked for (SNI), made when it is first asked for. A person trusts the authority once.
 *
 * Whoever can read `ca.key` can impersonate any site to those who trust it, so it is readable by its owner alone and never leaves
 * the machine.
 */
import 'reflect-metadata';
import { webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import * as x509 from '@peculiar/x509';
import { makeFolder } from './make-folder.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3_650;
/** What browsers accept of an authority that a person installed. */
const LEAF_DAYS = 397;
/** Certificates held at once; a client may ask for any name. */
const LEAVES_MAX = 1_000;

export interface LocalCa {
  readonly certificatePem: string;
  /** Where it lies, for those who want to trust it. */
  readonly file: string;
  /** A certificate for a name or address, with its key. Remembered. */
  contextFor(name: string): Promise<SecureContext>;
  /** The certificate and key themselves, for servers that a test starts. */
  leafFor(names: readonly string[]): Promise<{ readonly cert: string; readonly key: string }>;
  /** The certificate for a key that never leaves its owner, who proved by a request (PKCS #10, PEM) to have it; undefined: it is none. */
  sign(request: string, name: string): Promise<string | undefined>;
}

export type OpenedCa =
  | { readonly kind: 'opened'; readonly ca: LocalCa }
  | { readonly kind: 'fault'; readonly reason: string };

/** Reads the authority in `folder`, or makes one. */
export async function openLocalCa(folder: string): Promise<OpenedCa> {
  x509.cryptoProvider.set(webcrypto as unknown as Crypto);
  const file = join(folder, 'ca.pem');
  const keyFile = join(folder, 'ca.key');
  try {
    const made = await makeCa();
    makeFolder(folder);
    // The key first and exclusively: whoever comes second finds it there, and reads.
    writeFileSync(keyFile, made.keyPem, { flag: 'wx', mode: 0o600 });
    writeFileSync(file, made.certificatePem, { mode: 0o644 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') return { kind: 'fault', reason: `${folder} cannot be written: ${message}` };
  }
  try {
    return { kind: 'opened', ca: await LocalAuthority.read(file, keyFile) };
  } catch (error) {
    const { message } = error as Error;
    return {
      kind: 'fault',
      reason: `the certificate authority in ${folder} cannot be read: ${message}; remove ca.pem and ca.key to have a new one`,
    };
  }
}

class LocalAuthority implements LocalCa {
  readonly certificatePem: string;
  readonly file: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: CryptoKey;
  readonly #contexts = new Map<string, Promise<SecureContext>>();

  constructor(file: string, certificate: x509.X509Certificate, pem: string, key: CryptoKey) {
    this.file = file;
    this.#certificate = certificate;
    this.certificatePem = pem;
    this.#key = key;
  }

  static async read(file: string, keyFile: string): Promise<LocalAuthority> {
    const pem = readFileSync(file, 'utf8');
    const keyPem = readFileSync(keyFile, 'utf8');
    const certificate = new x509.X509Certificate(pem);
    if (certificate.notAfter.getTime() < Date.now())
      throw new Error(`it expired on ${certificate.notAfter.toISOString()}`);
    const der = x509.PemConverter.decodeFirst(keyPem);
    const key = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
    return new LocalAuthority(file, certificate, pem, key as CryptoKey);
  }

  contextFor(name: string): Promise<SecureContext> {
    const known = this.#contexts.get(name);
    if (known !== undefined) return known;
    if (this.#contexts.size >= LEAVES_MAX) this.#contexts.clear();
    const made = this.leafFor(name === '' ? ['localhost', '127.0.0.1', '::1'] : [name]).then(({ cert, key }) =>
      createSecureContext({ cert, key }),
    );
    this.#contexts.set(name, made);
    made.catch(() => this.#contexts.delete(name));
    return made;
  }

  async leafFor(names: readonly string[]): Promise<{ cert: string; key: string }> {
    const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const cert = await this.#issue(names, keys.publicKey);
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return { cert, key: x509.PemConverter.encode(der, 'PRIVATE KEY') };
  }

  async sign(request: string, name: string): Promise<string | undefined> {
    try {
      const read = new x509.Pkcs10CertificateRequest(request);
      if (!(await read.verify())) return undefined;
      return await this.#issue([name], await read.publicKey.export());
    } catch {
      return undefined;
    }
  }

  async #issue(names: readonly string[], publicKey: webcrypto.CryptoKey): Promise<string> {
    const now = Date.now();
    const leaf = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${names[0] ?? 'localhost'}`,
      issuer: this.#certificate.subject,
      // An hour back, for clocks that are late.
      notBefore: new Date(now - DAY_MS / 24),
      notAfter: new Date(Math.min(now + LEAF_DAYS * DAY_MS, this.#certificate.notAfter.getTime())),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(
          names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ],
    });
    return `${leaf.toString('pem')}\n${this.certificatePem}`;
  }
}

async function makeCa(): Promise<{ certificatePem: string; keyPem: string }> {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=Switchyard local authority',
    notBefore: new Date(now - DAY_MS / 24),
    notAfter: new Date(now + CA_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificatePem: certificate.toString('pem'), keyPem: x509.PemConverter.encode(der, 'PRIVATE KEY') };
}

/** RFC 5280 4.1.2.2: positive, at most 20 bytes. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

/** Certificate and key from two files, checked to belong together. */
export function readCertificate(
  certFile: string,
  keyFile: string,
):
  | { readonly kind: 'read'; readonly cert: string; readonly key: string }
  | { readonly kind: 'fault'; readonly file: string; readonly reason: string } {
  const read = (file: string): string | { reason: string } => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return {
        reason:
          code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read (permission denied)' : message,
      };
    }
  };
  const cert = read(certFile);
  if (typeof cert !== 'string') return { kind: 'fault', file: certFile, reason: cert.reason };
  const key = read(keyFile);
  if (typeof key !== 'string') return { kind: 'fault', file: keyFile, reason: key.reason };
  try {
    const parsed = new NodeCertificate(cert);
    if (Date.parse(parsed.validTo) < Date.now())
      return { kind: 'fault', file: certFile, reason: `expired on ${parsed.validTo}` };
  } catch {
    return { kind: 'fault', file: certFile, reason: 'is no certificate in PEM' };
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const mismatch = (error as NodeJS.ErrnoException).code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH';
    return {
      kind: 'fault',
      file: keyFile,
      reason: mismatch ? `does not belong to ${certFile}` : `is no private key in PEM`,
    };
  }
  return { kind: 'read', cert, key };
}
