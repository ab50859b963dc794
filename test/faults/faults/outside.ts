import { existsSync, globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../lab/lab.ts'
import type { MailMode } from '../lab/mail.ts'
import { install } from '../lab/network.ts'
import type { Fault } from '../run.ts'

const modes: readonly MailMode[] = ['refusing', 'slow', 'hanging']

export const badMail: Fault = {
  name: 'mail',
  what: 'the mail provider refuses every message, is slow, or takes the message and never answers, in turn',
  rounds: 3,
  // GoTrue's answer when a mail cannot be sent.
  bounds: { may500: ['sign-up', 'ask-code'] },
  async disturb({ lab, round, inject, heal, hold }) {
    const mode = modes[round % modes.length] ?? 'hanging'
    inject()
    lab.mail.behave(mode)
    await hold(6000)
    lab.mail.behave('well')
    heal()
  },
}

const wrongNode = 2

/** Debian's; installed where it is missing. */
function clockLibrary(): string | null {
  const find = () =>
    globSync('/usr/lib/*/faketime/libfaketime.so.1').find((path) => existsSync(path)) ?? null
  return find() ?? (install('faketime') ? find() : null)
}

function clockFile(lab: Lab): string {
  return join(lab.yard.folder, 'clock')
}

export const clockSteps: Fault = {
  name: 'clock',
  what: 'the clock of one node is an hour ahead, then right, then an hour behind; some still ask it',
  rounds: 4,
  missing: () => (clockLibrary() === null ? 'libfaketime is not to be had' : null),
  async start(lab) {
    writeFileSync(clockFile(lab), '+0')
    await lab.startNodes()
    const node = lab.nodes[wrongNode]
    await node?.stop()
    await node?.start({
      env: {
        LD_PRELOAD: clockLibrary() ?? '',
        FAKETIME_TIMESTAMP_FILE: clockFile(lab),
        FAKETIME_NO_CACHE: '1',
        // Timers go on as they did; only the calendar jumps.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        FAKETIME_DONT_RESET: '1',
      },
    })
  },
  async disturb({ lab, round, inject, heal, hold }) {
    inject(wrongNode)
    writeFileSync(clockFile(lab), round % 2 === 0 ? '+1h' : '-1h')
    await hold(6000)
    writeFileSync(clockFile(lab), '+0')
    heal(wrongNode)
  },
}
