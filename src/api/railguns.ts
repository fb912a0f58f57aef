/**
 * Railguns of the account (spec 6.1): list, create, show, switch, delete, and the zones that use one. The account's form of a path
 * (`/accounts/:account`, formerly `/organizations/:org`) and the user's mean the same here: there is one account.
 */
import type { Context, Hono } from 'hono';
import { toRfc3339 } from '../core/time.ts';
import { invalid, notFound, ok } from './envelope.ts';
import { pageOf, readPaging } from './paging.ts';
import type { ApiPorts, Plain } from './ports.ts';
import { names, railgunObject, zoneObject, zonesUsing } from './railgun-object.ts';
import { readBody, onlyFields } from './read-body.ts';
import { findIn, idOf, listOf, replaced, text, withSection, without } from './written.ts';

export function railgunRoutes(app: Hono, ports: ApiPorts): void {
  for (const scope of ['', '/accounts/:account', '/organizations/:account', '/user']) {
    const path = `${scope}/railguns`;
    app.get(path, (c) => list(c, ports));
    app.post(path, (c) => create(c, ports));
    app.get(`${path}/:id`, (c) =>
      withRailgun(c, ports, (written, railgun) => ok(c, railgunObject(written, railgun, ports.version))),
    );
    app.patch(`${path}/:id`, (c) => edit(c, ports));
    app.delete(`${path}/:id`, (c) => withRailgun(c, ports, (written, railgun) => remove(c, ports, written, railgun)));
    app.get(`${path}/:id/zones`, (c) =>
      withRailgun(c, ports, (written, railgun) => {
        const paging = readPaging(c.req.query());
        if ('problem' in paging) return invalid(c, [{ path: '', message: paging.problem }]);
        const { items, info } = pageOf(zonesUsing(written, idOf(railgun)).map(zoneObject), paging);
        return ok(c, items, info);
      }),
    );
  }
}

export function withRailgun(
  c: Context,
  ports: ApiPorts,
  then: (written: Plain, railgun: Plain) => Response | Promise<Response>,
): Response | Promise<Response> {
  const { written } = ports.current();
  const railgun = findIn(listOf(written, 'railguns'), c.req.param('id') ?? '');
  return railgun === undefined ? notFound(c, 'railgun') : then(written, railgun);
}

function list(c: Context, ports: ApiPorts): Response {
  const paging = readPaging(c.req.query());
  if ('problem' in paging) return invalid(c, [{ path: '', message: paging.problem }]);
  const { written } = ports.current();
  const { items, info } = pageOf(listOf(written, 'railguns'), paging);
  return ok(
    c,
    items.map((each) => railgunObject(written, each, ports.version)),
    info,
  );
}

async function create(c: Context, ports: ApiPorts): Promise<Response> {
  const body = await readBody(c);
  if (body instanceof Response) return body;
  const wrong = onlyFields(body, { name: 'string' }, ['name']);
  if (wrong !== undefined) return invalid(c, wrong);
  const { written } = ports.current();
  const at = toRfc3339(ports.now());
  const railgun = {
    id: ports.newId(),
    name: body['name'],
    enabled: true,
    activation_key: ports.newToken(),
    status: 'initializing',
    created_on: at,
    modified_on: at,
  };
  const after = withSection(written, 'railguns', [...listOf(written, 'railguns'), railgun]);
  const refused = ports.change(after, `railgun ${text(railgun, 'name')} was created`);
  return refused === undefined ? ok(c, railgunObject(after, railgun, ports.version)) : invalid(c, refused.problems);
}

async function edit(c: Context, ports: ApiPorts): Promise<Response> {
  const body = await readBody(c);
  if (body instanceof Response) return body;
  const wrong = onlyFields(body, { enabled: 'boolean' }, ['enabled']);
  if (wrong !== undefined) return invalid(c, wrong);
  // Found after the wait for the body: another request may have changed the configuration meanwhile.
  return withRailgun(c, ports, (written, railgun) => {
    const changed = { ...railgun, enabled: body['enabled'], modified_on: toRfc3339(ports.now()) };
    const after = withSection(written, 'railguns', replaced(listOf(written, 'railguns'), railgun, changed));
    const refused = ports.change(
      after,
      `railgun ${text(railgun, 'name')} was switched ${body['enabled'] === true ? 'on' : 'off'}`,
    );
    return refused === undefined ? ok(c, railgunObject(after, changed, ports.version)) : invalid(c, refused.problems);
  });
}

/** At once for all zones: whoever names it names nothing any more. */
function remove(c: Context, ports: ApiPorts, written: Plain, railgun: Plain): Response {
  const id = idOf(railgun);
  const freed = (object: Plain): Plain => (names(written, object, id) ? without(object, 'railgun') : object);
  const after = {
    ...written,
    railguns: listOf(written, 'railguns').filter((each) => each !== railgun),
    ...(written['zones'] === undefined ? {} : { zones: listOf(written, 'zones').map(freed) }),
    ...(written['load_balancers'] === undefined
      ? {}
      : { load_balancers: listOf(written, 'load_balancers').map(freed) }),
  };
  const refused = ports.change(after, `railgun ${text(railgun, 'name')} was deleted`);
  return refused === undefined ? ok(c, { id }) : invalid(c, refused.problems);
}
