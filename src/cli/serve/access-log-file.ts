/** The access log, or why it cannot be had: then there is none, and traffic flows all the same. */
import { openLineFile, type LineFile } from '../../live/line-file.ts';

export type TellLog = (level: 'info' | 'warn' | 'error', text: string) => void;

export function openAccessLog(path: string | undefined, tell: TellLog): LineFile | undefined {
  if (path === undefined) return undefined;
  const opened = openLineFile(path, {
    onBroken: (error) => {
      const why = error.code === 'ENOSPC' ? 'the disk is full' : error.message;
      tell('error', `the access log ${path} cannot be written (${why}); its lines are lost until it can`);
    },
    onMended: (dropped) => tell('warn', `the access log ${path} is written again; ${dropped} lines are missing`),
  });
  if (opened.kind === 'opened') return opened.file;
  tell('error', `the access log ${path} cannot be opened (${opened.error.message}); there will be none`);
  return undefined;
}
