// @fastify/http-proxy as its README shows it; it forwards through undici.
import proxy from '@fastify/http-proxy';
import Fastify from 'fastify';
import { serve } from './serve.mjs';

serve(({ origin, host, port }) => {
  const app = Fastify();
  app.register(proxy, { upstream: origin, undici: { connections: 512, pipelining: 1, keepAliveTimeout: 60_000 } });
  app.listen({ port, host });
});
