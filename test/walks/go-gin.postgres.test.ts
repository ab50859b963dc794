import { describe } from 'vitest'
import { builtShop } from './example.ts'
import { walkGoShop } from './go-shop.ts'
import { builtLogtoShop, logtoSdkVersions } from './logto-sdk.ts'
import { machineHas } from './machine.ts'

const hasGo = machineHas('Go')
const versions = hasGo ? await logtoSdkVersions() : []

describe.runIf(hasGo)('with Go', () => {
  walkGoShop('go-oidc', builtShop)
  for (const version of versions) {
    walkGoShop(`logto-${version}`, () => builtLogtoShop(version))
  }
})
