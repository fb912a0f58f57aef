/**
 * The command line: one verb per file, loaded only when it is asked for, so that `--help` and a replay do not pay for a server.
 * Exit codes are in io.ts and never change.
 */
import { Command, CommanderError, Option } from 'commander';
import { EXIT, type Io, processIo } from './io.ts';
import { VERSION } from './version.ts';

export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  let code: number = EXIT.ok;
  const program = new Command('switchyard')
    .description('Replay, drill and run edge load balancing with a Railgun-style WAN link.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .showHelpAfterError('(switchyard --help lists the verbs)')
    .enablePositionalOptions()
    .addHelpText(
      'after',
      '\nStart with: switchyard replay\nExit codes: 0 all checks held, 1 internal error, 2 usage or invalid file, 3 a check failed, 4 steady state not met, 5 stopped by a stop condition, 6 rollback incomplete, 130 interrupted.',
    );

  program
    .command('replay')
    .description('play scenarios in virtual time: who goes where, what fails, do sessions stick')
    .argument('[files...]', 'scenario files; without any, the flagship scenario')
    .option('--seed <seed>', 'the number that repeats a run; default: the scenario’s')
    .option('--out <dir>', 'folder for the reports; default: out/NAME')
    .option('--set <path=value>', 'change a value of the scenario, e.g. duration=5m; may be repeated', collect, [])
    .option('--check <check>', 'one more check, e.g. "failed_requests < 1%"; may be repeated', collect, [])
    .option('--trace <level>', 'requests in events.ndjson: all, notable or none')
    .option('--geo-db <file>', 'a MaxMind or ip-location-db file; default: the optional country package')
    .option('--json', 'print the report as JSON instead of text')
    .option('--watch', 'play again whenever a file changes')
    .option('--quiet', 'print the verdict only')
    .option('-v, --verbose', 'print more')
    .action(async (files: string[], options) => {
      const { runReplay } = await import('./replay.ts');
      code = await runReplay(files, options, io);
    });

  program
    .command('drill')
    .description('play a scenario on real sockets, and lay the prediction of the replay beside what was measured')
    .argument('[file]', 'a scenario file; without one, a short drill that ships, at --pace 10')
    .option('--pace <n>', 'shorten durations, intervals and TTLs alike: 10 plays ten minutes in one')
    .option('--dry-run', 'say what would be started and done, and start nothing')
    .option(
      '--origin <pool/origin=host:port>',
      'a server of your own in the place of the lab’s; may be repeated',
      collect,
      [],
    )
    .option('--yes-this-is-not-production', 'the servers named with --origin may be broken')
    .option('--no-compare', 'do not judge the drill against the prediction')
    .option('--seed <seed>', 'default: the scenario’s')
    .option('--out <dir>', 'folder for the reports; default: out/drill-NAME')
    .option('--set <path=value>', 'change a value of the scenario; may be repeated', collect, [])
    .option('--check <check>', 'one more check; may be repeated', collect, [])
    .option('--trace <level>', 'requests in events.ndjson: all, notable or none')
    .option('--geo-db <file>', 'a MaxMind or ip-location-db file')
    .option('--json', 'print the report as JSON instead of text')
    .option('--quiet', 'print the verdict only')
    .option('-v, --verbose', 'print more')
    .action(async (file: string | undefined, options) => {
      const { runDrillVerb } = await import('./drill.ts');
      code = await runDrillVerb(file, options, io);
    });

  program
    .command('explain')
    .description('the decision for one request, rung by rung')
    .argument('[file]', 'a configuration or a scenario; without one, the flagship scenario')
    .option('--from <pop>', 'the PoP that serves the request, e.g. LHR')
    .option('--ip <address>', 'the client’s address')
    .option('--country <code>', 'the client’s country')
    .option('--host <name>', 'which load balancer')
    .option('--path <path>', 'path and query, for rules', '/')
    .option('--method <method>', 'for rules', 'GET')
    .option('--header <name:value>', 'a request header, for rules and header affinity; may be repeated', collect, [])
    .option('--cookie <pool/origin>', 'a live session with this origin')
    .option('--at <moment>', 'in a scenario: 12:03, +3m or RFC 3339; default: its start')
    .option('--seed <seed>', 'for policies that draw')
    .option('--set <path=value>', 'change a value of the scenario; may be repeated', collect, [])
    .option('--geo-db <file>', 'a MaxMind or ip-location-db file')
    .option('--json', 'print the rungs as JSON')
    .action(async (file: string | undefined, options) => {
      const { runExplain } = await import('./explain.ts');
      code = await runExplain(file, options, io);
    });

  program
    .command('validate')
    .description('check configuration and scenario files, all problems at once')
    .argument('[files...]', 'files to check; without any, those of ./scenarios and ./examples')
    .option('--json', 'print the problems as JSON')
    .option('--lenient', 'the profile for clients’ own test suites: fewer rules')
    .action(async (files: string[], options) => {
      const { runValidate } = await import('./validate.ts');
      code = await runValidate(files, options, io);
    });

  program
    .command('init')
    .description('write a scenario and its configuration from a template')
    .argument('[template]', 'failover, geo, sticky-shop, dns-failover, railgun-fallback or weighted-canary')
    .option('--dir <dir>', 'where to write', '.')
    .option('--force', 'overwrite files that exist')
    .option('--json', 'print what was written as JSON')
    .action(async (template: string | undefined, options) => {
      const { runInit } = await import('./init.ts');
      code = await runInit(template, options, io);
    });

  program
    .command('schema')
    .description('print the JSON Schema of a file format, for editors')
    .argument('[format]', 'config or scenario', 'scenario')
    .action(async (format: string) => {
      const { runSchema } = await import('./schema.ts');
      code = await runSchema(format, io);
    });

  program
    .command('trace-diff')
    .description('the first difference of two events.ndjson files, explained')
    .argument('<a>')
    .argument('<b>')
    .option('--json', 'print the difference as JSON')
    .action(async (a: string, b: string, options) => {
      const { runTraceDiff } = await import('./trace-diff.ts');
      code = await runTraceDiff(a, b, options, io);
    });

  program
    .command('report')
    .description('make the report files again from report.json, with more checks if you like')
    .argument('<file>', 'a report.json')
    .option('--out <dir>', 'folder for the files; default: beside the file')
    .option('--check <check>', 'one more check; may be repeated', collect, [])
    .option('--json', 'print the report as JSON')
    .action(async (file: string, options) => {
      const { runReport } = await import('./report.ts');
      code = await runReport(file, options, io);
    });

  program
    .command('serve')
    .description('run the edge: proxy, probes, DNS and admin port; without a configuration a demo')
    .option('--config <file>', 'load balancers, pools, monitors, zones; default: a demo on loopback')
    .option('--listen <host:port>', 'HTTP; port 0 picks a free one, "off" is none (default 127.0.0.1:8080)')
    .option('--listen-tls <host:port>', 'HTTPS with certificates of a local authority')
    .option('--tls-cert <file>', 'certificate chain, PEM, instead of the local authority’s')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--admin <host:port>', 'metrics, explain, events; "off" is none (default 127.0.0.1:8787)')
    .option('--admin-token <token>', 'for the admin port; needed where that is not loopback')
    .option('--dns <host:port>', 'DNS on UDP and TCP')
    .option('--pop <code>', 'the PoP of clients that nothing else places (default LHR)')
    .option('--workers <n>', 'processes that share the ports', '1')
    .option('--store <url>', 'page versions of the link: memory, mock, redis://… or memcached://…')
    .option('--geo-db <file>', 'a MaxMind or ip-location-db file that places clients')
    .option('--trust-proxy <cidr>', 'proxies whose word on a client’s address counts; may be repeated', collect, [])
    .option('--classic', 'the link as it was: limits and profile of the original')
    .option('--railgun-retry-direct', 'a GET whose lane breaks before any answer goes direct instead of 527')
    .option('--json', 'problems as JSON')
    .option('--access-log <file>', 'one Logpush NDJSON line per request')
    .option('--state <dir>', 'where keys and certificates are kept; default: the user’s data folder')
    .option('--seed <seed>', 'for policies that draw; default: another one each time')
    .option('--origin-tls <how>', 'towards origins: auto, on or off (default auto)')
    .option('--origin-ca <file>', 'authorities to trust towards origins, PEM, beside the usual ones')
    .option(
      '--min-interval <seconds>',
      'shortest monitor interval that is accepted (default 10); below it, short TTLs are accepted, too',
    )
    .option(
      '--probe <how>',
      'together: one probe stands for every data center; each: every one sends its own (default together)',
    )
    .option('--drain <seconds>', 'how long running requests may take after SIGTERM (default 30)')
    // For the lab alone: whoever sends requests then chooses their draws.
    .addOption(new Option('--drill-seed <seed>').hideHelp())
    .action(async (options) => {
      const { runServe } = await import('./serve.ts');
      code = await runServe(options, io);
    });

  program
    .command('listener')
    .description('run the end of a Railgun link beside an origin, as railgun.conf says')
    .requiredOption('--config <file>', 'railgun.conf, as it is')
    .option('--nat <file>', 'railgun-nat.conf, instead of map.file')
    .option('--listen <host:port>', 'instead of wan.ip and wan.port; port 0 picks a free one')
    .option('--store <url>', 'instead of memcached.servers: memory, mock, redis://… or memcached://…')
    .option('--classic', 'limits and defaults of the original')
    .option('--json', 'problems as JSON')
    .action(async (options) => {
      const { runListener } = await import('./listener.ts');
      code = await runListener(options, io);
    });

  program
    .command('doctor')
    .description('is this machine fit to run it all? and what does a Cf-Railgun header say?')
    .option('--decode <header>', 'explain a Cf-Railgun header, or its four flag digits')
    .option('--store <url>', 'a store to look at; may be repeated', collect, [])
    .option('--json', 'print the findings as JSON')
    .action(async (options) => {
      const { runDoctor } = await import('./doctor.ts');
      code = await runDoctor(options, io);
    });

  program.command('lab-origin', { hidden: true }).action(async () => {
    const { runLabOrigin } = await import('./lab-origin.ts');
    code = await runLabOrigin(io);
  });
  program
    .command('lab-network', { hidden: true })
    .requiredOption('--seed <seed>')
    .requiredOption('--folder <dir>')
    .action(async (options) => {
      const { runLabNetwork } = await import('./lab-network.ts');
      code = await runLabNetwork(options, io);
    });

  // Its own verb and the hidden one that a shell asks at every Tab; the package is loaded only for these two.
  if (argv[0] === 'completion' || argv[0] === 'complete') {
    const { default: tab } = await import('@bomb.sh/tab/commander');
    tab(program, { completionCommandName: 'completion' });
  } else {
    program
      .command('completion')
      .description('print a completion script: zsh, bash, fish or powershell')
      .argument('<shell>');
  }

  if (argv.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.err(`switchyard: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.internal;
  }
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
