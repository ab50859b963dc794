import type { Subject } from '../../../authjs/contract.ts'

/** One fault put into a good adapter, and the rule that has to notice it. */
export interface Mutant {
  fault: string
  noticedBy: string
  of(adapter: Subject): object
}

/** Lets others come between. */
export const tick = () => new Promise((resolve) => setTimeout(resolve, 5))
/** Null instead of an error. */
export const quietly = async <T>(work: Promise<T>): Promise<T | null> => work.catch(() => null)
