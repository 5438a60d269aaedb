/** Where a listener listens: `host:port`, with an IPv6 host in brackets. And networks: an address and its bits. */

import { isIPv4, isIPv6 } from 'node:net'
import { isCidr } from '../http/forwarded.ts'
import { textThat } from './kinds.ts'
import type { Kind, Reading } from './option.ts'

/** What an address names. The host of an IPv6 address is without its brackets; port 0 asks the system for any. */
export interface HostAndPort {
  readonly host: string
  readonly port: number
}

const MAX_PORT = 65_535
const NO_ADDRESS = 'expected host:port, such as 0.0.0.0:8080 or [::]:8080'
const HOST_NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i

/** Takes an address of a resolved configuration apart. Undefined for what is no address. */
export function parseAddress(address: string): HostAndPort | undefined {
  const reading = readAddress(address)
  return 'value' in reading ? reading.value : undefined
}

/** The address of a listener; the text stays as it was written. */
export const address: Kind<string> = textThat(
  (written) => {
    const reading = readAddress(written)
    return 'value' in reading ? { value: written } : reading
  },
  { examples: ['0.0.0.0:8080', '127.0.0.1:8080', '[::]:8080'] },
)

const NO_NETWORK = 'expected an address or a network, such as 10.0.0.0/8 or ::1'

/** An address or a network in CIDR notation. */
export const network: Kind<string> = textThat(
  (written) => (isCidr(written) ? { value: written } : { fault: NO_NETWORK }),
  { examples: ['10.0.0.0/8', '127.0.0.1', '::1'] },
)

function readAddress(written: string): Reading<HostAndPort> {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*)):(.*)$/s.exec(written)
  if (parts === null) return { fault: NO_ADDRESS }
  const [, bracketed, plain = '', digits = ''] = parts
  const isHost = bracketed === undefined ? isHostNameOrIPv4(plain) : isIPv6(bracketed)
  if (!isHost) return { fault: NO_ADDRESS }
  const port = /^[0-9]{1,5}$/.test(digits) ? Number(digits) : Number.NaN
  if (!(port <= MAX_PORT)) return { fault: `expected a port from 0 to ${MAX_PORT} after the colon` }
  return { value: { host: bracketed ?? plain, port } }
}

function isHostNameOrIPv4(host: string): boolean {
  // Digits and dots alone are meant as an IPv4 address, and a wrong one would be looked up as a name.
  return /^[0-9.]+$/.test(host) ? isIPv4(host) : HOST_NAME.test(host)
}
