/** The version that every first line, report and User-Agent names; package.json is the only place where it is written. */
import manifest from '../../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
