import { ZmtpError } from './break-reason.ts'
import { nullMechanism } from './null-mechanism.ts'
import type { Handshake, Role, Version } from './version.ts'

// ZMTP 3.0 (https://rfc.zeromq.org/spec/23). Later versions are compatible: a peer that knows more speaks as this one does.

/** Where a greeting says by which mechanism its side wants to be known ("Formal Grammar"). */
const mechanismAt = 12
const mechanismBytes = 20
const greetingBytes = 64

/** Where what follows on signature and version begins. */
const restAt = 11

/** Security mechanisms by their names: how the handshake goes. */
const mechanisms: ReadonlyMap<string, (role: Role) => Handshake> = new Map([['NULL', nullMechanism]])

/** The rest of this side's greeting: the minor version 0, its mechanism, and zeros. */
const greetingRest = Buffer.alloc(greetingBytes - restAt)
greetingRest.write('NULL', mechanismAt - restAt)

/** ZMTP 3.0 and later. */
export const zmtp3: Version = {
  greetingBytes,
  hasCommands: true,
  greetingRest(): Buffer {
    return greetingRest
  },
  handshakeAfter(greeting: Buffer, role: Role): Handshake {
    const name = greeting.toString('latin1', mechanismAt, mechanismAt + mechanismBytes).replace(/\0+$/, '')
    const mechanism = mechanisms.get(name)
    if (mechanism === undefined) throw new ZmtpError('security_mechanism')
    return mechanism(role)
  },
}
