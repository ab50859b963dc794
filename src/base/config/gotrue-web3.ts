import { minute } from '../time.ts'
import { duration, flag } from './variables.ts'

/** Sign-in by wallets (reference/gotrue.md § 1.2). */
export const web3Variables = {
  web3EthereumEnabled: flag('GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED', false),
  web3EthereumValidity: duration(
    'GOTRUE_EXTERNAL_WEB3_ETHEREUM_MAXIMUM_VALIDITY_DURATION',
    10 * minute,
  ),
  web3SolanaEnabled: flag('GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED', false),
  web3SolanaValidity: duration(
    'GOTRUE_EXTERNAL_WEB3_SOLANA_MAXIMUM_VALIDITY_DURATION',
    10 * minute,
  ),
}
