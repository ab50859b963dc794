import { sql } from 'kysely'
import { expect, test } from 'vitest'
import {
  acsUrl,
  arrive,
  assertionXml,
  depart,
  encrypted,
  honest,
  keyPair,
  metadataOf,
  ownNextKey,
  post,
  responseXml,
  type Statement,
  samlWorld,
  signed,
  statementOf,
} from './gotrue-saml-world.ts'
import { type GotrueWorld, queryOf } from './gotrue-world.ts'

const minute = 60_000
const many = { GOTRUE_SAML_RATE_LIMIT_ASSERTION: '1000000', GOTRUE_RATE_LIMIT_HEADER: '' }
const stranger = keyPair()

/** Nobody got in, nobody was made, and the browser was sent to the site with no reason that would help. */
async function expectRefused(world: GotrueWorld, attacks: Record<string, string>): Promise<void> {
  for (const [name, xml] of Object.entries(attacks)) {
    const answer = await arrive(world, xml)
    expect(answer.status, name).toBe(303)
    expect(queryOf(answer), name).toMatchObject({
      error: 'invalid_request',
      error_code: 'validation_failed',
      error_description: expect.stringMatching(/^SAML(?:Response| Assertion) is not /),
    })
  }
  const { rows } = await sql`
    select id from auth.users union all select id from auth.sessions union all select id from auth.flow_state`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([])
}

/** A signed response in its parts, and what an attacker would like it to say. */
function partsOf(world: GotrueWorld) {
  const it = statementOf(world)
  const evil = assertionXml({ ...it, nameId: 'admin', assertionId: '_evil' })
  const whole = signed(assertionXml(it), 'Assertion')
  const signature = /<Signature .*<\/Signature>/s.exec(whole)?.[0] ?? ''
  const bare = whole.replace(signature, '')
  const wholeResponse = signed(responseXml(it, assertionXml(it)), 'Response')
  const responseSignature = /<Signature .*<\/Signature>/s.exec(wholeResponse)?.[0] ?? ''
  const bareResponse = wholeResponse.replace(responseSignature, '')
  return {
    ...{ it, evil, whole, signature, bare, responseSignature, bareResponse },
    evilResponse: (inside: string) =>
      responseXml({ ...it, responseId: '_evil-response' }, inside + evil),
    respond: (inside: string) => responseXml(it, inside),
  }
}

const object = (signature: string, inside: string) =>
  signature.replace('</Signature>', `<Object>${inside}</Object></Signature>`)
const within = (assertion: string, inside: string) =>
  assertion.replace('</saml:Issuer>', `</saml:Issuer>${inside}`)
const extensions = (inside: string) => `<samlp:Extensions>${inside}</samlp:Extensions>`

test('a signature that is wrapped around something else proves nothing (G1)', async () => {
  const world = await samlWorld(many)
  const { evil, whole, signature, bare, respond, ...more } = partsOf(world)
  const { evilResponse, responseSignature, bareResponse, it } = more
  const sameId = evil.replace('_evil', '_assertion')
  await expectRefused(world, {
    'XSW 1': evilResponse(object(responseSignature, bareResponse)),
    'XSW 2': evilResponse(bareResponse + responseSignature),
    'XSW 3': respond(evil + whole),
    'XSW 4': respond(evil.replace('</saml:Assertion>', `${whole}</saml:Assertion>`)),
    'XSW 5': respond(within(evil, signature) + bare),
    'XSW 6': respond(within(evil, object(signature, bare))),
    'XSW 7': respond(extensions(evil) + whole),
    'XSW 8': respond(within(evil, object(signature, `<x>${bare}</x>`))),
    'the signed one first': respond(whole + evil),
    'the signed one set aside': respond(extensions(whole) + evil),
    'one ID for both': respond(sameId + whole),
    'one ID for both, inside': respond(within(sameId, object(signature, bare))),
    'another ID in the response': respond(whole).replace('_response', '_assertion'),
    'a signature of something else': respond(evil).replace(
      '</samlp:Status>',
      `</samlp:Status>${signature}`,
    ),
    'a reference to everything': respond(within(evil, signature.replace('#_assertion', ''))),
    'two references': respond(
      within(evil, signature.replace(/(<Reference .*<\/Reference>)/s, '$1$1')),
    ),
    'two SignedInfo': respond(
      within(evil, signature.replace('<SignedInfo>', '<SignedInfo><x/></SignedInfo><SignedInfo>')),
    ),
    'a digest in pieces': respond(whole.replace(/<DigestValue>(....)/, '<DigestValue><x>$1</x>')),
    'a response in a response': responseXml(it, responseXml(it, whole)),
    'in another namespace': respond(
      whole.replaceAll('urn:oasis:names:tc:SAML:2.0:assertion', 'urn:evil'),
    ),
  })
})

test('what nobody signed, or a stranger, or with what can be broken, is not believed (G2, G4)', async () => {
  const world = await samlWorld(many)
  const { it, whole, evil, bare, respond } = partsOf(world)
  const sha1 = 'http://www.w3.org/2000/09/xmldsig#sha1'
  const rsaSha1 = 'http://www.w3.org/2000/09/xmldsig#rsa-sha1'
  await expectRefused(world, {
    unsigned: respond(bare),
    'by a stranger': honest(it, { key: stranger }),
    'by a stranger who shows their key': honest(it, { key: stranger, withKeyInfo: true }),
    'a response by a stranger around it': signed(respond(whole), 'Response', { key: stranger }),
    'with SHA-1': honest(it, { signature: rsaSha1, digest: sha1 }),
    'with a digest of SHA-1': honest(it, { digest: sha1 }),
    changed: respond(whole.replace('ann-1', 'admin')),
    'changed in an attribute': respond(whole.replace('Ann@Company', 'ceo@Company')),
    'no assertion': respond(''),
    'no signature value': respond(whole.replace(/<SignatureValue>[^<]*/, '<SignatureValue>')),
    'a key of theirs as a secret': respond(
      whole.replace(
        'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
        'http://www.w3.org/2000/09/xmldsig#hmac-sha1',
      ),
    ),
    'evil alone': respond(evil),
    'a relative namespace': respond(whole.replace('<saml:Issuer>', '<saml:Issuer xmlns:x="y">')),
  })
})

test('XML that is made for its parser is not read (G3, G5, G10)', async () => {
  const world = await samlWorld(many)
  const { whole, respond } = partsOf(world)
  const good = respond(whole)
  const named = (name: string) => good.replace('>ann-1<', `>${name}<`)
  const laughs = Array.from(
    { length: 9 },
    (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`,
  ).join('')
  await expectRefused(world, {
    'a comment in the name': named('ann-1<!-- -->.evil.example'),
    'a comment anywhere': good.replace('<samlp:Status>', '<!-- --><samlp:Status>'),
    CDATA: named('<![CDATA[ann-1]]>'),
    'a processing instruction': named('ann<?x y?>-1'),
    'a document type': `<!DOCTYPE x>${good}`,
    'an external entity': `<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:9/canary">]>${named('&x;')}`,
    'a file': `<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>${named('&x;')}`,
    'a billion laughs': `<!DOCTYPE r [<!ENTITY l0 "ha">${laughs}]>${named('&l9;')}`,
    'an unknown entity': named('&ann;'),
    'a NUL': named('ann&#0;-1'),
    'half a character': named('ann&#xd800;-1'),
    'two roots': good + good,
    'text behind it': `${good}x`,
    'half of it': good.slice(0, -20),
    'an open tag': good.replace('</saml:Subject>', ''),
    'the same attribute twice': good.replace('Version="2.0"', 'Version="2.0" Version="2.0"'),
    'an attribute without quotes': good.replace('Version="2.0"', 'Version=2.0'),
    deep: respond('<a>'.repeat(50_000) + '</a>'.repeat(50_000)),
    wide: respond('<a/>'.repeat(50_000)),
    large: respond(`<a>${'a'.repeat(300_000)}</a>`),
    'another encoding': `<?xml version="1.0" encoding="UTF-16"?>${good}`,
    'a logout': good.replaceAll('samlp:Response', 'samlp:LogoutResponse'),
    empty: ' ',
  })
  expect(world.sent).toEqual([])
  for (const bytes of [Buffer.from(`\ufeff${good}`, 'utf16le'), Buffer.from([0xff, 0xfe, 0x3c])]) {
    const answer = await post(world, { SAMLResponse: bytes.toString('base64') })
    expect(queryOf(answer).error_code).toBe('validation_failed')
  }
})

test('an assertion for somebody else, or another time, or another question, is none for us (G6, G7)', async () => {
  const world = await samlWorld(many)
  const other = 'https://other.example'
  const now = world.ctx.now()
  const at = (minutes: number) => new Date(now.getTime() + minutes * minute)
  const wrong: Record<string, Partial<Statement>> = {
    audience: { audience: other },
    recipient: { recipient: `${acsUrl}/` },
    destination: { destination: other },
    'an error': { status: 'Responder' },
    'answers a question that nobody asked': { inResponseTo: '_foreign' },
    'the envelope alone answers one': { responseInResponseTo: '_foreign' },
    'over for longer than clocks are apart': { now: at(-9), lifetime: 6 * minute },
    'from the future': { now: at(4) },
    'a session that is over': { sessionEndsAt: at(-1).toISOString() },
    'a session until never': { sessionEndsAt: 'never' },
  }
  const attacks = Object.entries(wrong).map(([name, change]) => [
    name,
    honest(statementOf(world, { ...change, assertionId: '_x' })),
  ])
  const without = (part: RegExp | string, put = '') =>
    responseXml(
      statementOf(world),
      signed(assertionXml(statementOf(world)).replace(part, put), 'Assertion'),
    )
  await expectRefused(world, {
    ...Object.fromEntries(attacks),
    'for nobody': without(/<saml:AudienceRestriction>.*<\/saml:AudienceRestriction>/),
    'without conditions': without(/<saml:Conditions.*<\/saml:Conditions>/),
    'without a confirmation': without(/<saml:SubjectConfirmation.*<\/saml:SubjectConfirmation>/),
    'confirmed by a key': without('cm:bearer', 'cm:holder-of-key'),
    'without an end': without(/ NotOnOrAfter="[^"]*"/g),
    'without the end of the confirmation': without(/ NotOnOrAfter="[^"]*"/),
    'without a sign-in': without(/<saml:AuthnStatement.*<\/saml:AuthnStatement>/),
    'without a subject': without(/<saml:Subject>.*<\/saml:Subject>/),
    'without an ID that is signed': without('Version="2.0"', 'Version="1.1"'),
    'a time that is none': without(/IssueInstant="[^"]*"/, 'IssueInstant="now"'),
    'two audiences, of which one is not ours': without(
      '</saml:Conditions>',
      `<saml:AudienceRestriction><saml:Audience>${other}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`,
    ),
  })
  const still = honest(statementOf(world, { now: at(-7), lifetime: 5 * minute, assertionId: '_y' }))
  expect((await arrive(world, still)).status).toBe(302)
})

test('an answer has to be that of the question, and of the one who was asked (G8)', async () => {
  const world = await samlWorld(many)
  const one = await depart(world)
  const two = await depart(world)
  for (const inResponseTo of [null, two.requestId, '']) {
    const xml = honest(statementOf(world, { inResponseTo }))
    expect(queryOf(await arrive(world, xml, one)).error_code).toBe('validation_failed')
  }
  const inside = statementOf(world, {
    inResponseTo: two.requestId,
    responseInResponseTo: one.requestId,
  })
  expect(queryOf(await arrive(world, honest(inside), one)).error_code).toBe('validation_failed')
  // Nothing of this used up the state.
  const good = honest(statementOf(world, { inResponseTo: one.requestId }))
  expect((await arrive(world, good, one)).status).toBe(302)
  expect(queryOf(await arrive(world, good)).error_code).toBe('validation_failed')
})

test('one company does not speak for another', async () => {
  const world = await samlWorld(many)
  const other = keyPair()

  await world.ask('POST', '/admin/sso/providers', {
    bearer: world.adminKey,
    body: {
      type: 'saml',
      metadata_xml: metadataOf({ entity: 'urn:other', certificate: other.certificate }),
    },
  })
  const { requestId, relayState } = await depart(world)
  const theirs = statementOf(world, { issuer: 'urn:other', inResponseTo: requestId })
  const named = statementOf(world, { inResponseTo: requestId })
  for (const xml of [honest(theirs, { key: other }), honest(named, { key: other })]) {
    expect(queryOf(await arrive(world, xml, { relayState })).error_code).toBe('validation_failed')
  }
  const mixed = honest(statementOf(world), { key: other }).replace(
    '>https://idp.example.com/metadata<',
    '>urn:other<',
  )
  expect(queryOf(await arrive(world, mixed)).error_code).toBe('validation_failed')
})

test('what is encrypted badly is refused, and says nothing of why (G12)', async () => {
  const world = await samlWorld({
    ...many,
    GOTRUE_SAML_ALLOW_ENCRYPTED_ASSERTIONS: 'true',
    GOTRUE_SAML_PRIVATE_KEY_NEXT: ownNextKey,
  })
  const { body: metadata } = await world.ask('GET', '/sso/saml/metadata')
  const [, certificate = ''] = /use="encryption">\s*.*<X509Certificate>([^<]+)/.exec(metadata) ?? []
  const it = statementOf(world)
  const cbc = 'http://www.w3.org/2001/04/xmlenc#aes128-cbc'
  const whole = signed(assertionXml(it), 'Assertion')
  const inner = await encrypted(whole, certificate, cbc)
  const respond = (inside: string) => responseXml(it, inside)
  const values = inner.match(/CipherValue>[^<]{100,}/g) ?? []
  const [key = '', text = ''] = values.toSorted((a, b) => a.length - b.length)
  await expectRefused(world, {
    'unsigned inside': respond(await encrypted(assertionXml(it), certificate)),
    'a stranger inside': respond(
      await encrypted(signed(assertionXml(it), 'Assertion', { key: stranger }), certificate),
    ),
    'for another key': respond(await encrypted(whole, stranger.certificate)),
    'a short key': respond(inner.replace(key, 'CipherValue>AAAA')),
    'no text': respond(inner.replace(text, 'CipherValue>')),
    'a bad padding': respond(inner.replace(text, `${text.slice(0, -8)}AAAAAAA=`)),
    'not base64': respond(inner.replace(text, 'CipherValue>!')),
    'triple DES': respond(
      await encrypted(whole, certificate, 'http://www.w3.org/2001/04/xmlenc#tripledes-cbc'),
    ),
    'RSA 1.5': respond(
      await encrypted(whole, certificate, cbc, 'http://www.w3.org/2001/04/xmlenc#rsa-1_5'),
    ),
    'no keys': respond(inner.replace(/<KeyInfo.*<\/KeyInfo>/s, '')),
    'both at once': respond(inner + whole),
    'not XML': respond(await encrypted('no assertion at all', certificate)),
    'another element': respond(await encrypted('<Issuer xmlns="urn:x"/>', certificate)),
  })
})

test('forms that are no forms are answered', async () => {
  const world = await samlWorld(many)
  const bodies: [body: string | Uint8Array, type: string][] = [
    ['', 'application/x-www-form-urlencoded'],
    ['{"SAMLResponse":1}', 'application/json'],
    ['SAMLResponse=%00', 'application/x-www-form-urlencoded'],
    ['SAMLResponse=%ff&RelayState=%ff', 'application/x-www-form-urlencoded'],
    ['SAMLResponse=a&SAMLResponse=b', 'application/x-www-form-urlencoded'],
    [`SAMLResponse=${'A'.repeat(1_000_000)}`, 'application/x-www-form-urlencoded'],
    [`RelayState=${'A'.repeat(2_000_000)}`, 'application/x-www-form-urlencoded'],
    [new Uint8Array([0xff, 0xfe, 0]), 'application/x-www-form-urlencoded'],
  ]
  for (const [body, type] of bodies) {
    const answer = await world.ask('POST', '/sso/saml/acs', {
      body,
      headers: { 'content-type': type },
    })
    expect(answer.status, String(body).slice(0, 40)).toBe(303)
    expect(answer.body.code).toBeLessThan(500)
  }
  for (const body of [
    { domain: 7 },
    { domain: 'a\0b' },
    { domain: 'a'.repeat(100_000) },
    { provider_id: ['x'] },
    { provider_id: { $ne: null } },
    { domain: 'company.example', redirect_to: {} },
    { domain: 'company.example', skip_http_redirect: 'yes' },
    { domain: 'company.example', code_challenge: 'x' },
    [],
    'domain',
  ]) {
    const { status } = await world.ask('POST', '/sso', { body: JSON.stringify(body) })
    expect(status, JSON.stringify(body).slice(0, 60)).toBeGreaterThanOrEqual(400)
    expect(status, JSON.stringify(body).slice(0, 60)).toBeLessThan(500)
  }
})
