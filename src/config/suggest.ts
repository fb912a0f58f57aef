/** Moved to the ground floor; this name goes once nobody asks for it. */
export { didYouMean, editDistance, nearest } from '../core/suggest.ts';
