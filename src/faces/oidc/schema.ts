import { readBasic } from '../../base/basic.ts'
import { Fault } from '../../base/fault.ts'
import type { Credentials } from '../../flows/authenticate-application.ts'
import type {
  AuthorizationRequest,
  ParameterProblem,
  Prompt,
  ResponseMode,
} from '../../flows/authorize.ts'
import { assertionType } from '../../flows/client-assertion.ts'
import { noClaims, parseClaims } from './claims-request.ts'

/** Longer parameters are refused; a state of 4 kB has to come back whole. */
const longest = 8192

/** It travels in the code, through the browser's address. */
const longestNonce = 1024

/** RFC 6749 § 3.3, with room around the names. */
const scopeForm = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const prompts: readonly string[] = ['none', 'login', 'consent', 'select_account', 'create']

/** OpenID Connect Core § 6 and RFC 7591: ways of asking that we do not know, and must not ignore. */
const unsupported = ['request', 'request_uri', 'registration']

/** Reads an authorization request (RFC 6749 § 4.1.1, OpenID Connect Core § 3.1.2.1). What is empty was not sent. */
export function parseAuthorization(params: URLSearchParams): AuthorizationRequest {
  const problem = firstProblem(params)
  const prompt = listOf(params, 'prompt')
  const maxAge = single(params, 'max_age')
  return {
    clientId: single(params, 'client_id'),
    redirectUri: single(params, 'redirect_uri'),
    state: single(params, 'state'),
    problem,
    responseType: listOf(params, 'response_type').sort().join(' '),
    responseMode: modeOf(params) ?? 'query',
    scope: listOf(params, 'scope'),
    resources: params.getAll('resource').filter(Boolean),
    nonce: single(params, 'nonce'),
    codeChallenge: single(params, 'code_challenge'),
    codeChallengeMethod: single(params, 'code_challenge_method'),
    keyThumbprint: single(params, 'dpop_jkt'),
    prompt: prompt.filter(isPrompt),
    maxAgeSeconds: maxAge === null ? null : Number(maxAge),
    acrValues: listOf(params, 'acr_values'),
    claims: parseClaims(single(params, 'claims')) ?? noClaims,
    idTokenHint: single(params, 'id_token_hint'),
    subject: null,
  }
}

function firstProblem(params: URLSearchParams): ParameterProblem | null {
  const unclear = unclearParameter(params)
  if (unclear !== null) return unclear
  const refused = unsupported.find((parameter) => single(params, parameter) !== null)
  if (refused !== undefined) return { parameter: refused, problem: 'unsupported' }
  if (single(params, 'response_type') === null) {
    return { parameter: 'response_type', problem: 'missing' }
  }
  if (modeOf(params) === null) return { parameter: 'response_mode', problem: 'unsupported' }
  if ((single(params, 'nonce') ?? '').length > longestNonce) {
    return { parameter: 'nonce', problem: 'malformed' }
  }
  if (!isScope(params)) return { parameter: 'scope', problem: 'malformed' }
  if (!/^\d{0,9}$/.test(single(params, 'max_age') ?? '')) {
    return { parameter: 'max_age', problem: 'malformed' }
  }
  if (parseClaims(single(params, 'claims')) === null) {
    return { parameter: 'claims', problem: 'malformed' }
  }
  return listOf(params, 'prompt').every(isPrompt)
    ? null
    : { parameter: 'prompt', problem: 'unsupported' }
}

/** Null for a mode that we do not know, and for a form that no browser would post: to an app's own scheme. */
function modeOf(params: URLSearchParams): ResponseMode | null {
  switch (single(params, 'response_mode')) {
    case null:
    case 'query':
      return 'query'
    case 'form_post':
      return /^https?:/.test(single(params, 'redirect_uri') ?? 'https:') ? 'form_post' : null
    default:
      return null
  }
}

function isPrompt(name: string): name is Prompt {
  return prompts.includes(name)
}

/** The value of a parameter that came once; else null, and so a state that is too long is not sent back. */
export function single(params: URLSearchParams, name: string): string | null {
  const value = params.get(name)
  // Most are asked for in vain.
  if (!value || !isClear(value)) return null
  return params.getAll(name).length === 1 ? value : null
}

function isClear(value: string): boolean {
  return value.length <= longest && !value.includes('\0')
}

function listOf(params: URLSearchParams, name: string): string[] {
  return (single(params, name) ?? '').split(' ').filter(Boolean)
}

/** A form of which every parameter came once at most; `resource` may come again. */
export function checkForm(form: URLSearchParams): URLSearchParams {
  const unclear = unclearParameter(form)
  if (unclear !== null) throw new Fault('invalid_request', { ...unclear })
  return form
}

/** The first parameter that came twice, which RFC 8707 § 2 allows `resource` alone, or that is too long. */
export function unclearParameter(params: URLSearchParams): ParameterProblem | null {
  const seen = new Set<string>()
  for (const [parameter, value] of params) {
    if (seen.has(parameter) && parameter !== 'resource') return { parameter, problem: 'repeated' }
    if (!isClear(value)) return { parameter, problem: 'malformed' }
    seen.add(parameter)
  }
  return null
}

/** The value of a parameter that has to be there. */
export function required(form: URLSearchParams, parameter: string): string {
  const value = single(form, parameter)
  if (value === null) throw new Fault('invalid_request', { parameter, problem: 'missing' })
  return value
}

export function scopeOf(form: URLSearchParams): string[] {
  if (!isScope(form)) {
    throw new Fault('invalid_request', { parameter: 'scope', problem: 'malformed' })
  }
  return listOf(form, 'scope')
}

/** What no scope can be called is no scope that we do not know: it is refused, where those are ignored. */
function isScope(params: URLSearchParams): boolean {
  return scopeForm.test(single(params, 'scope') ?? '')
}

export function audienceOf(form: URLSearchParams): {
  resources: string[]
  organizationId: string | null
} {
  return {
    resources: form.getAll('resource').filter(Boolean),
    organizationId: single(form, 'organization_id'),
  }
}

/**
 * Who asks at the token endpoint and its neighbours (RFC 6749 § 2.3): by the header, or by the body. Logto's SDKs send
 * `client_id` in the body beside the header; a secret may come by one way only.
 */
export function credentialsOf(
  authorization: string | undefined,
  form: URLSearchParams,
): Credentials {
  const id = single(form, 'client_id')
  const secret = single(form, 'client_secret')
  const assertion = assertionOf(form)
  if (assertion !== null) {
    if (authorization !== undefined || secret !== null) {
      throw new Fault('invalid_request', { parameter: 'client_assertion', problem: 'repeated' })
    }
    return { method: 'private_key_jwt', id, assertion }
  }
  if (authorization === undefined) {
    if (id === null) throw new Fault('invalid_client', { problem: 'nobody' })
    if (secret === null) return { method: 'none', id }
    return { method: 'client_secret_post', id, secrets: [secret] }
  }
  const basic = readBasic(authorization)
  if (basic === null) throw new Fault('invalid_client', { problem: 'unreadable' })
  if (secret !== null) {
    throw new Fault('invalid_request', { parameter: 'client_secret', problem: 'repeated' })
  }
  if (id !== null && id !== basic.id) {
    throw new Fault('invalid_request', { parameter: 'client_id', problem: 'repeated' })
  }
  return { method: 'client_secret_basic', ...basic }
}

/** RFC 7521 § 4.2. */
function assertionOf(form: URLSearchParams): string | null {
  const type = single(form, 'client_assertion_type')
  const assertion = single(form, 'client_assertion')
  if (type === null && assertion === null) return null
  if (type !== assertionType) {
    throw new Fault('invalid_request', {
      parameter: 'client_assertion_type',
      problem: type === null ? 'missing' : 'unsupported',
    })
  }
  return required(form, 'client_assertion')
}
