/** A lab from its plan: built (`build.ts`), and then there (`running.ts`). Whatever fails, everything that stood is taken down again. */
import { type Lab, LabError, type LabOptions } from '../lab.ts';
import { buildLab } from './build.ts';
import { RunningLab } from './running.ts';

/** Rejects with a LabError; nothing is left then. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const lab = new RunningLab(options);
  try {
    await buildLab(lab);
    return lab;
  } catch (error) {
    const left = await lab.stop();
    const hint = left.length === 0 ? '' : `not all could be taken down again: ${left.join('; ')}`;
    if (options.signal.aborted) throw new LabError('interrupted while the lab was being built', hint);
    if (error instanceof LabError) throw new LabError(error.message, [error.hint, hint].filter(Boolean).join('; '));
    throw error;
  }
}
