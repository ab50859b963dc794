import type { Aal, Session } from '../model/session.ts'

export type { Aal } from '../model/session.ts'

/** What applications may ask for by `acr_values` (RFC 9470): GoTrue's names, which its tokens carry as `aal`. */
export const knownAcrValues = ['aal1', 'aal2'] as const satisfies readonly Aal[]

export function isAal(name: string): name is (typeof knownAcrValues)[number] {
  return knownAcrValues.some((known) => known === name)
}

/** The names sort as their strength does. */
export function reaches(session: Pick<Session, 'aal'>, aal: Aal | null): boolean {
  return aal === null || session.aal >= aal
}
