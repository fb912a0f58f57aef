// http-proxy-3 as its README shows it, with a keep-alive agent (without one it is far slower).
import http from 'node:http';
import https from 'node:https';
import { serve } from './serve.mjs';
import httpProxy from 'http-proxy-3';

const agent = new http.Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 512 });
serve(({ origin, host, port, tls }) => {
  const proxy = httpProxy.createProxyServer({ target: origin, agent });
  proxy.on('error', (_error, _request, response) => response.destroy?.());
  const handle = (request, response) => proxy.web(request, response);
  const server = tls === undefined ? http.createServer(handle) : https.createServer(tls, handle);
  server.listen(port, host);
});
