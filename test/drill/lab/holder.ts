/** A drill of which nothing but its lab is there: started as a process by `lab.test.ts`, in order to be killed. Prints its folder. */
import { runningLab } from './support.ts';

const running = await runningLab(`
version: 1
name: to be killed
config:
  version: 1
  load_balancers: [{ name: www.example.com, proxied: true, default_pools: [one], fallback_pool: one, railgun: near }]
  pools: [{ name: one, origins: [{ name: a, address: 192.0.2.1 }] }]
  railguns: [{ id: near, name: near }]
duration: 10m
world: { pops: [LHR] }
traffic: [{ clients: { count: 10, rate: 1/s } }]
`);
await running.fault('stop', 'listener/1');
process.stdout.write(`${running.folder}\n`);
setInterval(() => {}, 1_000_000);
