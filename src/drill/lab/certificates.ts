/**
 * Certificates for origins of a lab that speak TLS: an authority that the edges trust (`--origin-ca`), one certificate that is valid, and
 * one that ran out yesterday. Both name every host and address by which an origin may be asked.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  cryptoProvider,
  type JsonGeneralName,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface LabCertificates {
  /** PEM, for `--origin-ca`. */
  readonly caFile: string;
  readonly good: Certificate;
  readonly expired: Certificate;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export async function makeCertificates(
  folder: string,
  names: { readonly hosts: readonly string[]; readonly addresses: readonly string[] },
): Promise<LabCertificates> {
  cryptoProvider.set(webcrypto as unknown as Crypto);
  const now = Date.now();
  const caKeys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const ca = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Switchyard drill',
    notBefore: new Date(now - 30 * DAY_MS),
    notAfter: new Date(now + DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys: caKeys,
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  const caFile = join(folder, 'origins-ca.pem');
  writeFileSync(caFile, ca.toString('pem'));
  const alternatives: JsonGeneralName[] = [
    ...names.hosts.map((value) => ({ type: 'dns', value }) as const),
    ...names.addresses.map((value) => ({ type: 'ip', value }) as const),
  ];
  const leaf = async (serialNumber: string, notBefore: Date, notAfter: Date): Promise<Certificate> => {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
    const cert = await X509CertificateGenerator.create({
      serialNumber,
      ...{ notBefore, notAfter },
      subject: 'CN=an origin of a drill',
      issuer: ca.subject,
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      extensions: [new SubjectAlternativeNameExtension(alternatives)],
    });
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const lines = pkcs8.match(/.{1,64}/g) ?? [];
    const key = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
    return { cert: cert.toString('pem'), key };
  };
  return {
    caFile,
    good: await leaf('02', new Date(now - DAY_MS), new Date(now + DAY_MS)),
    expired: await leaf('03', new Date(now - 20 * DAY_MS), new Date(now - DAY_MS)),
  };
}
