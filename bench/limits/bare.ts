import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { hashSync, verifySync } from '@node-rs/argon2'
import { repeat } from '../machine/weather.ts'
import { password } from '../world/people.ts'

// A process: how often one thing that no server can leave out goes in a second, on the core that our server has otherwise.

const [what = '', seconds = '1'] = process.argv.slice(2)
const costs = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const hash = hashSync(password, costs)
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
// As long as an access token is without its signature.
const token = Buffer.alloc(700, 'a')
const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
const signature = sign('sha256', token, key)

const works: Record<string, () => void> = {
  hash: () => {
    hashSync(password, costs)
  },
  'hash-check': () => {
    if (!verifySync(hash, password)) throw new Error('The password does not match.')
  },
  signature: () => {
    sign('sha256', token, key)
  },
  'signature-check': () => {
    if (!verify('sha256', token, { ...key, key: publicKey }, signature)) throw new Error('Forged.')
  },
}

const work = works[what]
if (work === undefined) throw new Error(`What is ${what}?`)
repeat(0.2, work)
const before = process.cpuUsage()
let count = 0
const perSecond = repeat(Number(seconds), () => {
  work()
  count += 1
})
const { user, system } = process.cpuUsage(before)
// What one costs is the same on a busy machine, where the pace is not.
console.log(JSON.stringify({ perSecond, serverCpuMs: (user + system) / 1000 / count }))
