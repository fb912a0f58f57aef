/** The scenario's configuration with the lab's addresses in it: still a valid one, with the same names, and nothing of the outside left. */
import { describe, expect, it } from 'vitest';
import { LAB_LIMITS } from '../../../src/config/context.ts';
import { parseConfig } from '../../../src/config/config-file.ts';
import type { Model } from '../../../src/core/model.ts';
import { edgeConfig, type LabAddresses } from '../../../src/drill/lab/edge-config.ts';

const RAW = {
  version: 1,
  load_balancers: [
    { name: 'www.example.com', proxied: true, default_pools: ['eu', 'us'], fallback_pool: 'us', railgun: 'near' },
  ],
  pools: [
    {
      name: 'eu',
      monitor: 'secure',
      origins: [
        { address: '192.0.2.1', weight: 0.5, enabled: false },
        { name: 'b', address: 'origin.example.net', port: 8443 },
      ],
    },
    {
      name: 'us',
      monitor: 'port',
      origins: [{ name: 'c', address: '192.0.2.3', header: { Host: ['c.example.com'] } }],
    },
  ],
  monitors: [
    { id: 'secure', type: 'https', path: '/health', port: 443, expected_body: 'fine' },
    { id: 'port', type: 'tcp', port: 443 },
  ],
  railguns: [{ id: 'near', name: 'near', railgun_host: '198.51.100.1' }],
};

const LAB: LabAddresses = {
  origins: [1, 2, 3].map((n) => ({ host: `127.77.1.${n}`, port: 4000 })),
  link: { host: '127.0.0.1', port: 5000, key: '0123456789abcdef0123456789abcdef' },
  ownHosts: false,
  tls: false,
  port: 4000,
};

function modelOf(raw: unknown): Model {
  const { model, findings } = parseConfig(raw, { limits: LAB_LIMITS });
  if (model === undefined) throw new Error(findings.map((one) => one.message).join('; '));
  return model;
}

const made = (changes: Partial<LabAddresses> = {}): Model =>
  modelOf(edgeConfig(RAW, modelOf(RAW), { ...LAB, ...changes }));

describe('the configuration of an edge in the lab', () => {
  it('keeps names, weights and switches, and leads every origin to its relay', () => {
    const origins = made().pools.flatMap((pool) => pool.origins);
    expect(origins.map(({ name, address, port, weight, enabled }) => [name, address, port, weight, enabled])).toEqual([
      ['192.0.2.1', '127.77.1.1', 4000, 50, false],
      ['b', '127.77.1.2', 4000, 100, true],
      ['c', '127.77.1.3', 4000, 100, true],
    ]);
    expect(origins[2]?.hostHeader).toBe('c.example.com');
  });

  it('probes the relays in plain HTTP; what a probe expects stays', () => {
    const [secure, port] = made().monitors;
    expect([secure?.type, secure?.port, secure?.path, secure?.expectedBody]).toEqual(['http', 4000, '/health', 'fine']);
    expect([port?.type, port?.port]).toEqual(['tcp', 4000]);
  });

  it('keeps monitors that did not look at certificates from doing so where origins speak TLS', () => {
    const raw = { ...RAW, monitors: [{ id: 'secure' }, { id: 'port', type: 'https' }] };
    const { monitors } = modelOf(edgeConfig(raw, modelOf(raw), { ...LAB, tls: true }));
    expect(monitors.map(({ type, allowInsecure }) => [type, allowInsecure])).toEqual([
      ['https', true],
      ['https', false],
    ]);
  });

  it('leads the link to its relay with a key, and tells origins apart by Host where it must', () => {
    const [link] = made().railguns;
    expect([link?.host, link?.port, link?.activationKey]).toEqual(['127.0.0.1', 5000, LAB.link?.key]);
    const hosts = made({ ownHosts: true }).pools.flatMap((pool) => pool.origins.map((origin) => origin.hostHeader));
    expect(hosts).toEqual(['o0.lab.invalid', 'o1.lab.invalid', 'o2.lab.invalid']);
  });
});
