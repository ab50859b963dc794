import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { day, minute } from '../base/time.ts'
import { forgetKeys, type Key, type KeyPurpose, listKeys } from '../model/key.ts'
import {
  deleteKey,
  type KeyPlace,
  listKeyPlaces,
  listOldKeyPlaces,
  makeKey,
  promoteKeys,
} from '../model/key-stage.ts'

/**
 * How long a key is published before it signs: twice the ten minutes for which GoTrue's key set may be kept, and four
 * times the five of ours.
 */
export const publishedFor = 20 * minute

/** Which keys a command is about: all algorithms that a purpose signs with, unless one is named. */
export interface KeyChoice {
  purpose: KeyPurpose
  algorithm: KeyPlace['algorithm'] | null
}

/**
 * The stages of the keys, by timer on every node: what was published long enough signs, and what has signed for long
 * enough gets a successor. Two nodes at once do no more than one. GoTrue's keys are replaced by hand only: the API
 * keys that apps are set up with are signed by them.
 */
export async function turnKeys(ctx: Context): Promise<void> {
  forgetAll(ctx, await transaction(ctx, (ctx) => promoteKeys(ctx, { published: publishedFor })))
  const { keyRotationDays } = ctx.config
  if (keyRotationDays === 0) return
  const old = await listOldKeyPlaces(ctx, { purpose: 'oidc', age: keyRotationDays * day })
  for (const place of old) await makeKey(ctx, { ...place, state: 'next' })
  forgetAll(ctx, old)
}

/** Publishes successors now; they sign when everybody has had time to hear of them. */
export async function announceKeys(ctx: Context, choice: KeyChoice): Promise<Key[]> {
  const places = await placesOf(ctx, choice)
  for (const place of places) await makeKey(ctx, { ...place, state: 'next' })
  forgetAll(ctx, places)
  return listKeys(ctx, choice.purpose)
}

/** Lets successors sign at once: for a key that is in wrong hands. Who keeps our key sets for long has to read them anew. */
export async function replaceKeys(ctx: Context, choice: KeyChoice): Promise<Key[]> {
  const places = await placesOf(ctx, choice)
  for (const place of places) {
    await makeKey(ctx, { ...place, state: 'next' })
    await transaction(ctx, (ctx) => promoteKeys(ctx, { published: 0, only: place }))
  }
  forgetAll(ctx, places)
  return listKeys(ctx, choice.purpose)
}

/** Takes a key out of use, and with it all that it signed. Throws `not_found` for the one that signs. */
export async function dropKey(ctx: Context, id: string): Promise<void> {
  const gone = await transaction(ctx, (ctx) => deleteKey(ctx, id))
  if (gone === null) throw new Fault('not_found', { key: id })
  forgetAll(ctx, [gone])
}

async function placesOf(ctx: Context, { purpose, algorithm }: KeyChoice): Promise<KeyPlace[]> {
  // The first key is made at first need.
  await listKeys(ctx, purpose)
  const places = await listKeyPlaces(ctx, purpose)
  if (algorithm === null) return places
  const found = places.filter((place) => place.algorithm === algorithm)
  if (found.length === 0) throw new Fault('not_found', { key: algorithm })
  return found
}

function forgetAll(ctx: Context, places: readonly KeyPlace[]): void {
  for (const { purpose } of places) forgetKeys(ctx, purpose)
}
