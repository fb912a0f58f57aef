// httpxy as its README shows it, with a keep-alive agent.
import http from 'node:http';
import { serve } from './serve.mjs';
import { createProxyServer } from 'httpxy';

const agent = new http.Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 512 });
serve(({ origin, host, port }) => {
  const proxy = createProxyServer({});
  http
    .createServer(async (request, response) => {
      try {
        await proxy.web(request, response, { target: origin, agent });
      } catch {
        response.destroy();
      }
    })
    .listen(port, host);
});
