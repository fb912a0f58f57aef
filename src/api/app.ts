/**
 * START HERE: the control API as one Hono app, for the admin port. The public v4 paths stand under `/client/v4`, where clients of the
 * service expect them, and at the root, where their test suites do.
 *
 *   app.ts ─► railguns.ts, zone-railguns.ts   resources: a function (app, ports) each
 *          ─► activation.ts                   what a listener calls, by its token
 *   envelope.ts, paging.ts, read-body.ts      what all resources share
 *   written.ts                                the configuration as written, which is the only state
 *
 * Another resource is another such function in `RESOURCES`.
 */
import { Hono } from 'hono';
import { activationRoutes } from './activation.ts';
import { noRoute } from './envelope.ts';
import type { ApiPorts } from './ports.ts';
import { railgunRoutes } from './railguns.ts';
import { zoneRailgunRoutes } from './zone-railguns.ts';

const RESOURCES: readonly ((app: Hono, ports: ApiPorts) => void)[] = [railgunRoutes, zoneRailgunRoutes];

/** What operators call; whoever mounts it asks for their token first. */
export function operatorApi(ports: ApiPorts): Hono {
  const v4 = new Hono();
  for (const add of RESOURCES) add(v4, ports);
  const app = new Hono();
  app.route('/client/v4', v4);
  app.all('/client/v4/*', noRoute);
  app.route('/', v4);
  return app;
}

/** What listeners call; the activation token is its own authority. */
export function listenerApi(ports: ApiPorts): Hono {
  const app = new Hono();
  activationRoutes(app, ports);
  return app;
}
