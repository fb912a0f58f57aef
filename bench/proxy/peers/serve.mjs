// Same command line and same way of running several workers for every peer.
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export function serve(start) {
  const { values } = parseArgs({
    options: {
      origin: { type: 'string' },
      listen: { type: 'string' },
      tls: { type: 'string' },
      workers: { type: 'string', default: '1' },
    },
  });
  const workers = Number(values.workers);
  if (cluster.isPrimary && workers > 1) {
    for (let i = 0; i < workers; i++) cluster.fork();
    return;
  }
  const [host, port] = values.listen.split(':');
  const [key, cert] = (values.tls ?? '').split(',');
  const tls = values.tls === undefined ? undefined : { key: readFileSync(key), cert: readFileSync(cert) };
  start({ origin: `http://${values.origin}`, host, port: Number(port), tls });
}
