/** Whom a token is for, where it names a client. Pure. */

import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

/** The first half of an IPv6 address is the subscriber's; devices change the other half by themselves (RFC 8981). */
const IPV6_NETWORK_BYTES = 8

/**
 * The bytes of an address; of an IPv6 address only its first 64 bits, the others are 0. An IPv4 address that was
 * mapped into IPv6 is an IPv4 address. Undefined for what is no address.
 */
export function networkBytes(address: string): Buffer | undefined {
  if (isIP(address) === 0 || address.includes('%')) return undefined
  const bytes = Buffer.from(ipaddr.process(address).toByteArray())
  return bytes.length === 4 ? bytes : bytes.fill(0, IPV6_NETWORK_BYTES)
}

/** Whether the client is the one that a token names: the same IPv4 address, or one of the same IPv6 /64. */
export function isSameClient(named: string, client: string): boolean {
  if (named === client) return true
  const wanted = networkBytes(named)
  const actual = networkBytes(client)
  return wanted !== undefined && actual !== undefined && wanted.equals(actual)
}
