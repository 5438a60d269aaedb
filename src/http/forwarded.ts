/**
 * X-Forwarded-For, -Proto, -Host and Forwarded (RFC 7239): for whom a request is sent on, and who that is to us.
 *
 * Invariant: nothing is passed on as true that neither the connection shows nor a trusted peer said. Of what a trusted
 * peer sent, only the end counts that can be read from the right without a break: what stands left of a broken member
 * was sent to that peer by somebody else.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import { endAtComma, isToken, nextMember, skipWhitespace, trimWhitespace } from './syntax.ts'

/** Whether the peer with this address is believed. False for what is no IP address. */
export type Trust = (address: string) => boolean

/** Values of the fields a request came with; several lines in their order. */
export interface ReceivedForwarding {
  readonly xForwardedFor?: string | readonly string[] | undefined
  readonly xForwardedProto?: string | readonly string[] | undefined
  readonly xForwardedHost?: string | readonly string[] | undefined
  readonly forwarded?: string | readonly string[] | undefined
}

export interface ReceivedRequest {
  /** The other end of the connection; undefined where there is none any more. */
  readonly peerAddress: string | undefined
  readonly scheme: 'http' | 'https'
  /** As the peer sent it. */
  readonly host: string | undefined
  readonly received: ReceivedForwarding
}

export interface Forwarding {
  /** name, value, …: in place of all fields of these names. */
  readonly fields: readonly string[]
  /** Without port and zone, an IPv4 address never as IPv6; `unknown` where the connection has no address. */
  readonly clientAddress: string
}

/** What the first request was sent to. */
export interface Requested {
  /** Lower-case. */
  readonly scheme: string
  /** With its port, as it was sent; undefined where nobody said it, or what was said is no host. */
  readonly host: string | undefined
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

interface ForwardedElement {
  /** As it was sent. */
  readonly text: string
  /** Undefined where `for` is missing, hidden or no address. */
  readonly address: string | undefined
}

const UNKNOWN = 'unknown'
const SCHEME = /^[a-z][a-z0-9+.-]*$/i
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~%!$&'()*+;=-]+)(?::\d{1,5})?$/i
const ADDRESS_AND_PORT = /^(?:\[(?<inBrackets>[^\]]*)\]|(?<plain>[^:]*))(?::\d{1,5})?$/
const FORWARDED_PAIR =
  /[ \t]*(?<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:(?<token>[!#$%&'*+\-.^_`|~0-9A-Za-z]+)|"(?<quoted>[\t !#-[\]-~\x80-\xff]*(?:\\[\t -~\x80-\xff][\t !#-[\]-~\x80-\xff]*)*)")[ \t]*/y

/** Whether the text is an IP address or a range of them: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.1`. */
export function isCidr(text: string): boolean {
  return parseCidr(text) !== undefined
}

/**
 * Whom to believe. An IPv4 address is the same as the IPv6 address it is mapped to, in the ranges as in what is asked
 * about; `::/0` is every IPv6 address and no IPv4 one.
 *
 * @throws {RangeError} where one of them is none, by {@link isCidr}
 */
export function compileTrust(cidrs: readonly string[]): Trust {
  const ranges = cidrs.map((text) => {
    const range = parseCidr(text)
    if (range === undefined)
      throw new RangeError(`expected an IP address or a range of them, got ${JSON.stringify(text)}`)
    return range
  })
  return (text) => {
    if (ranges.length === 0) return false
    const address = parseAddress(text)
    if (address === undefined) return false
    return ranges.some(([first, bits]) => first.kind() === address.kind() && address.match(first, bits))
  }
}

/**
 * What to tell an origin. Of an untrusted peer only the connection counts, and the fields it sent are replaced. Those of
 * a trusted one are continued: its address is added to X-Forwarded-For and Forwarded, while X-Forwarded-Proto and
 * X-Forwarded-Host stay what they are, since they describe the first request and have room for one value only.
 *
 * Most proxies write only one of X-Forwarded-For and Forwarded, and let the other through as a client made it up. So
 * where both came and disagree about who asked the trusted peer, X-Forwarded-For is believed; and the one that did not
 * come, or is not believed, is made from the other.
 *
 * The client is the first address from the right that is not trusted, or the leftmost where all are.
 */
export function forwardingOf(request: ReceivedRequest, isTrusted: Trust): Forwarding {
  const peer = canonicalAddress(request.peerAddress ?? '') ?? UNKNOWN
  const host = hostOf(request)
  const received = isTrusted(peer) ? request.received : {}

  let addresses = readForwardedFor(joined(received.xForwardedFor))
  let elements = readForwarded(joined(received.forwarded))
  if (addresses.length === 0) addresses = addressesFromTheRight(elements.map(({ address }) => address))
  else if (elements.at(-1)?.address !== addresses.at(-1)) elements = []
  const texts =
    elements.length > 0 ? elements.map(({ text }) => text) : addresses.map((address) => `for=${node(address)}`)

  const { scheme, host: originalHost } = requestedOf(request, isTrusted)
  return {
    fields: [
      'X-Forwarded-For',
      [...addresses, peer].join(', '),
      'X-Forwarded-Proto',
      scheme,
      ...(originalHost === undefined ? [] : ['X-Forwarded-Host', originalHost]),
      'Forwarded',
      [...texts, formatElement(peer, host, request.scheme)].join(', '),
    ],
    clientAddress: clientOf([...addresses, peer], isTrusted),
  }
}

/**
 * What X-Forwarded-Proto and X-Forwarded-Host of {@link forwardingOf} say. An origin may answer by them, so what is kept
 * of its answers has to be kept by them too.
 */
export function requestedOf(
  request: Pick<ReceivedRequest, 'peerAddress' | 'scheme' | 'host'> & {
    readonly received: Pick<ReceivedForwarding, 'xForwardedProto' | 'xForwardedHost'>
  },
  isTrusted: Trust,
): Requested {
  const { xForwardedProto, xForwardedHost } = isTrusted(request.peerAddress ?? '') ? request.received : {}
  return {
    scheme: firstMatching(SCHEME, joined(xForwardedProto), request.scheme)?.toLowerCase() ?? request.scheme,
    host: firstMatching(HOST, joined(xForwardedHost), hostOf(request)),
  }
}

function hostOf({ host }: Pick<ReceivedRequest, 'host'>): string | undefined {
  return host !== undefined && HOST.test(host) ? host : undefined
}

function clientOf(chain: readonly string[], isTrusted: Trust): string {
  return chain.findLast((address) => !isTrusted(address)) ?? chain[0] ?? UNKNOWN
}

function readForwardedFor(value: string): string[] {
  const members = value.split(',').map(trimWhitespace)
  return addressesFromTheRight(members.filter((member) => member !== '').map(addressOf))
}

/** The addresses behind the last place where there is none. */
function addressesFromTheRight(addresses: readonly (string | undefined)[]): string[] {
  return addresses.slice(addresses.lastIndexOf(undefined) + 1).filter((address) => address !== undefined)
}

/** The elements behind the last broken one. */
function readForwarded(value: string): ForwardedElement[] {
  let elements: ForwardedElement[] = []
  for (let start = nextMember(value, 0); start < value.length; ) {
    const end = readElement(value, start, elements)
    if (end === undefined) elements = []
    start = nextMember(value, end ?? endAtComma(value, start))
  }
  return elements
}

/** Adds the element that begins at `start`, and says where it ends; undefined where it is broken. */
function readElement(value: string, start: number, elements: ForwardedElement[]): number | undefined {
  const names = new Set<string>()
  let address: string | undefined
  let end = start
  for (;;) {
    FORWARDED_PAIR.lastIndex = end
    const { name, token, quoted = '' } = FORWARDED_PAIR.exec(value)?.groups ?? {}
    // Between two semicolons there may be nothing, and nothing else but a pair.
    end = name === undefined ? skipWhitespace(value, end) : FORWARDED_PAIR.lastIndex
    if (name !== undefined) {
      const lowerCase = name.toLowerCase()
      if (names.has(lowerCase)) return undefined
      names.add(lowerCase)
      if (lowerCase === 'for') address = addressOf(token ?? quoted.replace(/\\(.)/g, '$1'))
    }
    if (value[end] === ';') end += 1
    else if (end === value.length || value[end] === ',') break
    else return undefined
  }
  if (names.size === 0) return undefined
  elements.push({ text: trimWhitespace(value.slice(start, end)), address })
  return end
}

/** RFC 7239 §4; `by` is left out, for it would tell of our own network. */
function formatElement(peer: string, host: string | undefined, scheme: string): string {
  const pair = host === undefined ? '' : `;host=${isToken(host) ? host : `"${host}"`}`
  return `for=${node(peer)}${pair};proto=${scheme}`
}

/** RFC 7239 §6: an IPv6 address stands in brackets, and what has brackets in quotes. */
function node(address: string): string {
  return address.includes(':') ? `"[${address}]"` : address
}

/** An address as proxies write it, with or without port; IPv6 with or without brackets, unless it has a port. */
function addressOf(text: string): string | undefined {
  const { inBrackets, plain = '' } = ADDRESS_AND_PORT.exec(text)?.groups ?? {}
  if (inBrackets !== undefined) return isIP(inBrackets) === 6 ? withoutZone(inBrackets) : undefined
  return isIP(plain) === 4 ? plain : withoutZone(text)
}

/** A zone means something to its own host only, so nobody has one to tell us. */
function withoutZone(text: string): string | undefined {
  return text.includes('%') ? undefined : canonicalAddress(text)
}

function canonicalAddress(text: string): string | undefined {
  return parseAddress(text)?.toString()
}

/** Without the zone that an address of our own network may have. */
function parseAddress(text: string): Address | undefined {
  const [address = ''] = text.split('%', 1)
  return isIP(text) === 0 ? undefined : ipaddr.process(spelledOut(address))
}

/** `::10.0.0.1` is an IPv6 address; the library takes this one spelling for the IPv4 address in it. */
function spelledOut(address: string): string {
  return address.replace(/^::(?=\d+\.)/, '0::')
}

function parseCidr(text: string): readonly [Address, number] | undefined {
  const [first = '', length, ...rest] = text.split('/')
  if (isIP(first) === 0 || first.includes('%') || rest.length > 0) return undefined
  const address = ipaddr.parse(spelledOut(first))
  const addressBits = address.toByteArray().length * 8
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined
  const bits = length === undefined ? addressBits : Number(length)
  if (bits > addressBits) return undefined
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96
  return isMapped ? [address.toIPv4Address(), bits - 96] : [address, bits]
}

function firstMatching(pattern: RegExp, said: string, own: string | undefined): string | undefined {
  const value = trimWhitespace(said)
  return pattern.test(value) ? value : own
}

function joined(lines: string | readonly string[] | undefined): string {
  return typeof lines === 'string' ? lines : (lines ?? []).join(', ')
}
