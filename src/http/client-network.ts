/**
 * Client network: what counts as one client where clients are counted by their addresses.
 *
 * An IPv6 subscriber has a whole /64 to choose addresses from, so it is the /64 that counts.
 */
import ipaddr from 'ipaddr.js'

const GROUPS_OF_A_NETWORK = 4

/** One text for all addresses of one client; an IPv4 address counts the same as IPv6. What is no address is itself. */
export function clientNetwork(address: string): string {
  if (!address.includes(':')) return address
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  const { parts } = parsed as ipaddr.IPv6
  return `${parts
    .slice(0, GROUPS_OF_A_NETWORK)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}
