import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, expect } from 'vitest'
import { closeBrowser, keepPicture, openBrowser } from './browser.ts'

/**
 * Opens pages whose console is watched: a script or style that the policy refuses is said there, and fails the test, as
 * every error does but answers of these statuses. One profile at a time; what a failed test saw is kept as a picture.
 */
export function watchedPages(name: string, statuses: readonly number[]) {
  let context: BrowserContext | undefined
  const complaints: string[] = []

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail' && context) {
      await keepPicture(context, `${name}-${task.name.slice(-24)}`)
    }
    await context?.close()
    context = undefined
    expect(complaints.splice(0)).toEqual([])
  })
  afterAll(closeBrowser)

  return async function visit({ scripts = true } = {}): Promise<Page> {
    await context?.close()
    context = await openBrowser({ scripts })
    const page = await context.newPage()
    page.on('console', (message) => {
      const isAnswer = statuses.some((status) => message.text().includes(`status of ${status}`))
      if (message.type() === 'error' && !isAnswer) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    return page
  }
}
