/**
 * The engine with the smallest brain there is: one origin, one field added each way. What the data path costs by
 * itself; the product is `switchyard serve`.
 *
 *     node bench/proxy/minimal.ts --origin 127.0.0.1:9000 --listen 127.0.0.1:8080 [--tls key.pem,cert.pem] [--workers 2]
 */
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FieldSet, fieldLine } from '../../src/http1/field-set.ts';
import type { Http1Attempt, Plan, ProxyBrain } from '../../src/live/proxy/brain.ts';
import { ProxyEngine } from '../../src/live/proxy/engine.ts';
import { bareAnswer } from '../../src/live/proxy/local-answer.ts';

const { values } = parseArgs({
  options: {
    origin: { type: 'string', default: '127.0.0.1:9000' },
    listen: { type: 'string', default: '127.0.0.1:8080' },
    tls: { type: 'string' },
    workers: { type: 'string', default: '1' },
  },
});
const [originHost, originPort] = hostPort(values.origin);
const [host, port] = hostPort(values.listen);

const attempt: Http1Attempt = {
  kind: 'http1',
  host: undefined,
  address: originHost,
  port: originPort,
  key: values.origin,
  tls: undefined,
};
const plan: Plan = {
  kind: 'forward',
  attempt,
  requestDrop: new FieldSet(['x-forwarded-proto', 'cf-connecting-ip', 'cf-ray', 'cf-visitor', 'accept-encoding']),
  requestAdd: fieldLine('X-Forwarded-Proto', 'http'),
};
const edit = { drop: new FieldSet(['x-accel-buffering', 'server']), add: fieldLine('Server', 'switchyard') };
const brain: ProxyBrain = {
  route: () => plan,
  attemptFailed: (_plan, failure) => bareAnswer(502, fieldLine('X-Fault', failure.kind)),
  responseHead: () => edit,
  done: () => {},
};

if (cluster.isPrimary && Number(values.workers) > 1) {
  for (let i = 0; i < Number(values.workers); i++) cluster.fork();
} else {
  const engine = new ProxyEngine({ brain, onMistake: (error) => console.error(error) });
  const [key, cert] = (values.tls ?? '').split(',');
  await engine.listen({
    host,
    port,
    ...(values.tls === undefined
      ? {}
      : { tls: { key: readFileSync(key as string), cert: readFileSync(cert as string) } }),
  });
  process.on('SIGTERM', () => {
    engine.stop();
    process.exit(0);
  });
  console.log(JSON.stringify({ ready: true, listen: values.listen }));
}

function hostPort(text: string): [string, number] {
  const colon = text.lastIndexOf(':');
  return [text.slice(0, colon), Number(text.slice(colon + 1))];
}
