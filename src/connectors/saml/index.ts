export type { Assertion } from './assertion.ts'
export { requestUrl, type ServiceProvider } from './library.ts'
export {
  type IdentityProvider,
  type MetadataProblem,
  readMetadata,
  writeMetadata,
} from './metadata.ts'
export { nameIdFormats } from './names.ts'
export { type AttributeMapping, type AttributeRule, type Person, personOf } from './person.ts'
export { readResponse, type SamlResponse, verifyResponse } from './response.ts'
