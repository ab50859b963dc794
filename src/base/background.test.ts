import { expect, test } from 'vitest'
import { createBackground } from './background.ts'
import { createLog } from './log.ts'

test('the end waits for what the answers did not wait for, and for what that begins', async () => {
  const background = createBackground(createLog('silent'))
  const done: string[] = []
  background.run(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    background.run(async () => {
      done.push('second')
    }, 'The second failed.')
    done.push('first')
  }, 'The first failed.')
  expect(done).toEqual([])
  await background.settled()
  expect(done.sort()).toEqual(['first', 'second'])
})

test('a failure is logged, and harms nobody', async () => {
  const said: unknown[] = []
  const log = createLog('silent')
  log.error = (...words: unknown[]) => void said.push(words.at(-1))
  const background = createBackground(log)
  background.run(() => Promise.reject(new Error('no')), 'A code could not be sent.')
  await background.settled()
  expect(said).toEqual(['A code could not be sent.'])
})
