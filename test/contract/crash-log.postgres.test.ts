import { expect, test } from 'vitest'
import { until } from '../walks/mail.ts'
import { findPlace, startServer } from '../walks/server.ts'

test('a server that crashes has logged all its requests, and why it crashed', async () => {
  const place = await findPlace('postgres')
  try {
    const server = await startServer(place, {
      env: {
        NODE_OPTIONS: `--import "data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('the-end'))})"`,
      },
    })
    for (let sent = 0; sent < 200; sent += 1) {
      const answer = await fetch(`${server.url}/livez?n=${sent}`)
      await answer.arrayBuffer()
    }
    process.kill(server.pid, 'SIGUSR2')
    const why = await until('all that was logged', () => {
      const lines = linesOf(server.log())
      const isWhole = lines.filter(({ path }) => path === '/livez').length === 200
      return isWhole ? lines.find(({ msg }) => /nobody caught/.test(String(msg))) : undefined
    })
    expect(why).toMatchObject({ level: 50, err: { message: 'the-end' } })
  } finally {
    await place.leave()
  }
}, 60_000)

/** What is whole of it so far. */
function linesOf(log: string): Record<string, unknown>[] {
  return log
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{"level"'))
    .map((line) => JSON.parse(line))
}
