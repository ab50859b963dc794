import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'

/**
 * A certificate (RFC 5280) that an RSA key makes for itself, in base64: the form in which SAML shows a key. The same key
 * and name give the same certificate on every node and after every start, so that nothing has to be kept.
 */
export function selfSignedCertificate(privateKey: string, name: string): string {
  const key = createPrivateKey(privateKey)
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const subject = sequence(set(sequence(commonName, tagged(0x0c, Buffer.from(name)))))
  const serial = createHash('sha256').update(spki).update(name).digest().subarray(0, 16)
  // The first bit tells a negative number.
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, serial),
    sha256WithRsa,
    subject,
    sequence(tagged(0x17, Buffer.from('700101000000Z')), tagged(0x18, Buffer.from(farAway))),
    subject,
    spki,
    tagged(0xa3, sequence(sequence(keyUsage, yes, tagged(0x04, signsAndEnciphers)))),
  )
  const signature = sign('sha256', body, key)
  return sequence(
    body,
    sha256WithRsa,
    tagged(0x03, Buffer.concat([Buffer.from([0]), signature])),
  ).toString('base64')
}

/** It says whose key it is, and nothing of how long: that is said by the metadata which has it. */
const farAway = '21700101000000Z'

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

function set(...parts: Buffer[]): Buffer {
  return tagged(0x31, Buffer.concat(parts))
}

const commonName = Buffer.from('0603550403', 'hex')
const sha256WithRsa = Buffer.from('300d06092a864886f70d01010b0500', 'hex')
const keyUsage = Buffer.from('0603551d0f', 'hex')
const yes = Buffer.from('0101ff', 'hex')
const signsAndEnciphers = Buffer.from('030205a0', 'hex')
