/**
 * Railguns as a zone sees them (spec 6.1): which there are, connecting one and letting it go, and the test of one. Connecting a second
 * one takes the place of the first (RG-088).
 */
import type { Context, Hono } from 'hono';
import { toRfc3339 } from '../core/time.ts';
import { diagnosisObject } from './diagnosis.ts';
import { invalid, notFound, ok } from './envelope.ts';
import { pageOf, readPaging } from './paging.ts';
import type { ApiPorts, Plain } from './ports.ts';
import { names, zoneRailgunObject } from './railgun-object.ts';
import { onlyFields, readBody } from './read-body.ts';
import { balancersIn, findIn, idOf, listOf, replaced, sameName, text, withSection, without } from './written.ts';

/** Each holds a lane or a connection for as long as the origin takes. */
const DIAGNOSES_MAX = 8;
/** Longest target that is asked for. */
const PATH_MAX = 8_192;

export function zoneRailgunRoutes(app: Hono, ports: ApiPorts): void {
  const path = '/zones/:zone/railguns';
  const underWay = { count: 0 };
  app.get(path, (c) => list(c, ports));
  app.get(`${path}/:id`, (c) =>
    withBoth(c, ports, (written, zone, railgun) => ok(c, zoneRailgunObject(written, railgun, zone))),
  );
  app.patch(`${path}/:id`, (c) => edit(c, ports));
  app.get(`${path}/:id/diagnose`, (c) =>
    withBoth(c, ports, (written, zone, railgun) => diagnose(c, ports, written, zone, railgun, underWay)),
  );
}

function withBoth(
  c: Context,
  ports: ApiPorts,
  then: (written: Plain, zone: Plain, railgun: Plain) => Response | Promise<Response>,
): Response | Promise<Response> {
  const { written } = ports.current();
  const zone = findIn(listOf(written, 'zones'), c.req.param('zone') ?? '');
  if (zone === undefined) return notFound(c, 'zone');
  const railgun = findIn(listOf(written, 'railguns'), c.req.param('id') ?? '');
  return railgun === undefined ? notFound(c, 'railgun') : then(written, zone, railgun);
}

/** All that could be connected, not only the one that is. */
function list(c: Context, ports: ApiPorts): Response {
  const { written } = ports.current();
  const zone = findIn(listOf(written, 'zones'), c.req.param('zone') ?? '');
  if (zone === undefined) return notFound(c, 'zone');
  const paging = readPaging(c.req.query());
  if ('problem' in paging) return invalid(c, [{ path: '', message: paging.problem }]);
  const { items, info } = pageOf(listOf(written, 'railguns'), paging);
  return ok(
    c,
    items.map((each) => zoneRailgunObject(written, each, zone)),
    info,
  );
}

async function edit(c: Context, ports: ApiPorts): Promise<Response> {
  const body = await readBody(c);
  if (body instanceof Response) return body;
  const wrong = onlyFields(body, { connected: 'boolean' }, ['connected']);
  if (wrong !== undefined) return invalid(c, wrong);
  return withBoth(c, ports, (written, zone, railgun) => {
    const id = idOf(railgun);
    const on = body['connected'] === true;
    const after = on ? connect(written, zone, id) : disconnect(written, zone, id);
    const now = toRfc3339(ports.now());
    const stamped = { ...railgun, modified_on: now };
    const whole = withSection(after, 'railguns', replaced(listOf(after, 'railguns'), railgun, stamped));
    const why = `railgun ${text(railgun, 'name')} was ${on ? 'connected to' : 'disconnected from'} ${text(zone, 'name')}`;
    const refused = ports.change(whole, why);
    if (refused !== undefined) return invalid(c, refused.problems);
    const zoneNow = findIn(listOf(whole, 'zones'), idOf(zone)) ?? zone;
    return ok(c, zoneRailgunObject(whole, stamped, zoneNow));
  });
}

/** RG-088: the zone's one Railgun. Balancers that named another follow the zone; those that opted out (`railgun: ""`) stay out. */
function connect(written: Plain, zone: Plain, id: string): Plain {
  const zones = replaced(listOf(written, 'zones'), zone, { ...zone, railgun: id });
  return {
    ...withSection(written, 'zones', zones),
    ...freeBalancers(written, zone, (each) => text(each, 'railgun') !== ''),
  };
}

function disconnect(written: Plain, zone: Plain, id: string): Plain {
  const bare = names(written, zone, id) ? without(zone, 'railgun') : zone;
  const zones = replaced(listOf(written, 'zones'), zone, bare);
  return {
    ...withSection(written, 'zones', zones),
    ...freeBalancers(written, zone, (each) => names(written, each, id)),
  };
}

function freeBalancers(written: Plain, zone: Plain, which: (balancer: Plain) => boolean): Plain {
  const own = new Set(balancersIn(written, zone).filter(which));
  if (own.size === 0) return {};
  return {
    load_balancers: listOf(written, 'load_balancers').map((each) => (own.has(each) ? without(each, 'railgun') : each)),
  };
}

/** `?url=`: a path, or a URL of the zone; default: the root of the zone's first proxied balancer. */
async function diagnose(
  c: Context,
  ports: ApiPorts,
  written: Plain,
  zone: Plain,
  railgun: Plain,
  underWay: { count: number },
): Promise<Response> {
  const balancers = balancersIn(written, zone).filter((each) => each['proxied'] === true && each['enabled'] !== false);
  const asked = readTarget(c.req.query('url') ?? '/', text(balancers[0] ?? {}, 'name'));
  if (typeof asked === 'string') return invalid(c, [{ path: '', message: asked }]);
  if (!balancers.some((each) => covers(text(each, 'name'), asked.host)))
    return invalid(c, [
      { path: '', message: `${asked.host || 'the zone'} has no proxied load balancer in ${text(zone, 'name')}` },
    ]);
  const link = ports.current().model.railguns.find((each) => each.id === idOf(railgun));
  if (link === undefined) return notFound(c, 'railgun');
  if (underWay.count >= DIAGNOSES_MAX)
    return invalid(c, [{ path: '', message: `${DIAGNOSES_MAX} diagnoses are under way already` }]);
  underWay.count += 1;
  try {
    return ok(c, diagnosisObject(await ports.diagnose(link, asked.host, asked.path)));
  } finally {
    underWay.count -= 1;
  }
}

function covers(name: string, host: string): boolean {
  if (sameName(name, host)) return true;
  return name.startsWith('*.') && host.toLowerCase().endsWith(name.slice(1).toLowerCase());
}

function readTarget(url: string, host: string): { readonly host: string; readonly path: string } | string {
  if (url.length > PATH_MAX) return `url is longer than ${PATH_MAX} characters`;
  const match = /^(?:https?:\/\/([^/?#\s]+))?(\/[^\s#]*|\?[^\s#]*|)$/.exec(url);
  if (match === null) return 'url is neither a path nor an http URL';
  const path = match[2] === undefined || match[2] === '' ? '/' : match[2];
  return { host: (match[1] ?? host).replace(/:\d+$/, ''), path: path.startsWith('?') ? `/${path}` : path };
}
