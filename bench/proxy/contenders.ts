/**
 * Who runs in the proxy bench: how each is started, and the configuration files of those that need one. Every contender
 * listens in clear text, keeps connections to the origin alive, and sets one affinity cookie or header field the way
 * its users would.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Where {
  readonly folder: string;
  readonly origin: string;
  readonly listen: string;
  readonly workers: number;
  /** Certificate files when this contender should speak TLS to its clients. */
  readonly tls: { readonly key: string; readonly cert: string; readonly both: string } | undefined;
}

export interface Contender {
  readonly name: string;
  /** Has the means to serve TLS and several workers in this bench. */
  readonly full: boolean;
  command(where: Where): string[];
}

const HERE = import.meta.dirname;

function nginxConf({ folder, origin, listen, workers, tls }: Where): string {
  const ssl = tls === undefined ? '' : ' ssl';
  const certificate = tls === undefined ? '' : `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`;
  const file = join(folder, `nginx-${listen.replace(':', '-')}.conf`);
  writeFileSync(
    file,
    `daemon off; worker_processes ${workers}; pid ${file}.pid; error_log ${file}.log crit;
events { worker_connections 8192; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; client_max_body_size 0;
  fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  keepalive_requests 100000000; client_body_buffer_size 128k; server_tokens off;
  map $cookie_lb $set_lb { "" "lb=abcdef0123456789; Path=/; HttpOnly"; default ""; }
  upstream origin { hash $cookie_lb$remote_addr consistent; server ${origin}; keepalive 512; keepalive_requests 100000000; }
  server {
    listen ${listen}${ssl} reuseport backlog=4096; ${certificate}
    location / {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 16 16k; proxy_buffer_size 16k;
      proxy_max_temp_file_size 0; proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      add_header Set-Cookie $set_lb;
    }
  }
}
`,
  );
  return file;
}

function haproxyConf({ folder, origin, listen, workers, tls }: Where): string {
  const file = join(folder, `haproxy-${listen.replace(':', '-')}.cfg`);
  const ssl = tls === undefined ? '' : ` ssl crt ${tls.both} alpn http/1.1`;
  writeFileSync(
    file,
    `global
  nbthread ${workers}
  maxconn 4096
defaults
  mode http
  timeout connect 19s
  timeout client 400s
  timeout server 100s
  option forwardfor
  http-reuse always
frontend edge
  bind ${listen}${ssl}
  default_backend origins
backend origins
  cookie lb insert indirect nocache httponly
  http-request set-header X-Forwarded-Proto http
  server one ${origin} cookie one
`,
  );
  return file;
}

function peer(name: string, file: string, full: boolean): Contender {
  return {
    name,
    full,
    command: ({ origin, listen, workers, tls }) => [
      process.execPath,
      join(HERE, 'peers', file),
      '--origin',
      origin,
      '--listen',
      listen,
      '--workers',
      String(workers),
      ...(tls === undefined ? [] : ['--tls', `${tls.key},${tls.cert}`]),
    ],
  };
}

/**
 * Ourselves. Without a template the engine with the smallest brain (`minimal.ts`); a template is a command line with
 * `{origin}`, `{listen}`, `{workers}`, `{key}`, `{cert}` in it, and one with `{key}` is only used for TLS.
 */
export function ourselves(template: string | undefined, tlsTemplate: string | undefined): Contender {
  return {
    name: 'switchyard',
    full: true,
    command: (where) => {
      const chosen = where.tls === undefined ? template : tlsTemplate;
      if (chosen === undefined) return peer('switchyard', '../product.ts', true).command(where);
      const fill: Record<string, string> = {
        origin: where.origin,
        listen: where.listen,
        workers: String(where.workers),
        key: where.tls?.key ?? '',
        cert: where.tls?.cert ?? '',
      };
      return chosen.split(' ').map((word) => word.replace(/\{(\w+)\}/g, (_, name: string) => fill[name] ?? ''));
    },
  };
}

export const OTHERS: readonly Contender[] = [
  { name: 'nginx', full: true, command: (where) => ['nginx', '-p', where.folder, '-c', nginxConf(where)] },
  { name: 'haproxy', full: true, command: (where) => ['haproxy', '-db', '-f', haproxyConf(where)] },
  peer('http-proxy-3', 'http-proxy-3.mjs', true),
  peer('httpxy', 'httpxy.mjs', false),
  peer('@fastify/http-proxy', 'fastify-http-proxy.mjs', false),
];

/** The origin is nginx too, on its own core: it is never what is measured. */
export function originConf(folder: string, port: number): string {
  const file = join(folder, 'origin.conf');
  writeFileSync(join(folder, 'get100k'), Buffer.alloc(100 * 1024, 'a page of a hundred kibibytes '));
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${file}.pid; error_log ${file}.log crit;
events { worker_connections 8192; }
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; keepalive_requests 100000000;
  fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  client_max_body_size 0; client_body_buffer_size 128k; sendfile on; tcp_nopush on; default_type text/html;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /get1k { return 200 "${'k'.repeat(1024)}"; }
    location = /post { return 200 "ok"; }
    location / { root ${folder}; }
  }
}
`,
  );
  return file;
}
