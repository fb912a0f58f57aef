/**
 * The product in the proxy bench, with everything on: `switchyard serve` with geo steering, signed affinity cookies, monitors, metrics and an
 * access log. `minimal.ts` is the engine alone.
 *
 *     node bench/proxy/product.ts --origin 127.0.0.1:9000 --listen 127.0.0.1:8080 [--tls key.pem,cert.pem] [--workers 2]
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    origin: { type: 'string', default: '127.0.0.1:9000' },
    listen: { type: 'string', default: '127.0.0.1:8080' },
    tls: { type: 'string' },
    workers: { type: 'string', default: '1' },
  },
});
const [address, port] = values.origin.split(':');
const folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
const config = join(folder, 'config.json');
writeFileSync(
  config,
  JSON.stringify({
    version: 1,
    load_balancers: [
      {
        name: 'www.example.com',
        proxied: true,
        steering_policy: 'geo',
        default_pools: ['main'],
        region_pools: { WEU: ['main'], ENAM: ['main'] },
        fallback_pool: 'main',
        session_affinity: 'cookie',
      },
    ],
    pools: [
      {
        name: 'main',
        monitor: 'web',
        check_regions: ['WEU'],
        origins: [{ name: 'one', address, port: Number(port) }],
      },
    ],
    monitors: [{ id: 'web', type: 'tcp', port: Number(port), interval: 10 }],
  }),
);
const [key, cert] = (values.tls ?? '').split(',');
const listen =
  values.tls === undefined
    ? ['--listen', values.listen]
    : ['--listen', '127.0.0.1:0', '--listen-tls', values.listen, '--tls-key', key!, '--tls-cert', cert!];
process.execve!(process.execPath, [
  process.execPath,
  new URL('../../bin/switchyard.js', import.meta.url).pathname,
  'serve',
  ...['--config', config, ...listen, '--admin', '127.0.0.1:0', '--workers', values.workers],
  ...['--access-log', join(folder, 'access.ndjson'), '--state', folder],
]);
