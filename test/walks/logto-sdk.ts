import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { oneAtATime } from './example.ts'
import { top } from './machine.ts'
import { runToEnd } from './process.ts'

const folder = join(top, 'examples/go-gin-logto')

export type SdkVersion = 'v1' | 'v2'

/** The versions of Logto's Go SDK that can be had: both or, where Go cannot download them, none, and loudly so. */
export async function logtoSdkVersions(): Promise<SdkVersion[]> {
  const { status, said } = await oneAtATime('build-go-gin-logto', downloadSdk)
  if (status === 0) return ['v1', 'v2']
  // Anything else, a checksum that does not match above all, is a failure and no reason to go without.
  if (!/\b(403|404|410)\b|dial tcp|i\/o timeout|lookup disabled/.test(said)) {
    throw new Error(`Go cannot get the modules of ${folder}:\n${said}`)
  }
  console.warn(
    `\n*** NOT WALKED: the shop with Logto's Go SDK, which Go cannot download here. ***\n${said}`,
  )
  return []
}

/** The built program of the shop with one version of the SDK. */
export async function builtLogtoShop(version: SdkVersion): Promise<string> {
  const program = join(folder, `bin/shop-${version}`)
  await oneAtATime('build-go-gin-logto', async () => {
    const source = version === 'v1' ? '.' : './v2'
    await runToEnd('go', ['build', '-o', program, source], { cwd: folder })
  })
  return program
}

async function downloadSdk(): Promise<{ status: number | null; said: string }> {
  const { status, stderr, error } = spawnSync(
    'go',
    ['mod', 'download', 'github.com/logto-io/go', 'github.com/logto-io/go/v2'],
    { cwd: folder, encoding: 'utf8', timeout: 120_000 },
  )
  return { status, said: error ? `${error.message} (i/o timeout)\n` : stderr }
}
