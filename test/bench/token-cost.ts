/**
 * What deciding about access costs per request, in microseconds: the part of a hit that only routes with access pay.
 *
 * Measured on the whole check, with a request as Node makes it, and tokens that are good: a bad one is cheaper.
 *
 *     node test/bench/token-cost.ts
 */

import { createHmac, hash } from 'node:crypto'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { compileTrust } from '../../src/http/forwarded.ts'
import { parseTarget } from '../../src/http/target.ts'
import { Access } from '../../src/server/access/access.ts'
import { bunnyScheme } from '../../src/server/access/bunny.ts'
import { edgeAuthScheme } from '../../src/server/access/edgeauth.ts'
import { hmacScheme, signHmac } from '../../src/server/access/hmac.ts'
import { pathTokens } from '../../src/server/access/path-tokens.ts'
import { secureLinkScheme } from '../../src/server/access/secure-link.ts'
import type { TokenRules } from '../../src/server/access/token-check.ts'

interface Case {
  readonly what: string
  readonly rules: TokenRules
  readonly url: string
  readonly cookie?: string
}

const NOW_MS = 1_800_000_000_000
const EXPIRES = 1_800_000_600
const KEY = '0123456789abcdef0123456789abcdef'
const WARM_UP = 50_000
const ROUNDS = 7
const CHECKS = 100_000
/** What a token may cost. */
const MOST_US = 5

function cases(): readonly Case[] {
  const keys = { k1: KEY }
  const hmac = hmacScheme({ keys, name: 'token', clientIp: false })
  const token = signHmac('k1', KEY, { path: '/vod/clip/', expiresSeconds: EXPIRES })
  const acl = `exp=${EXPIRES}~acl=/vod/*`
  const edge = `${acl}~hmac=${createHmac('sha256', Buffer.from(KEY, 'hex')).update(acl).digest('hex')}`
  const bunnyText = `/vod/${EXPIRES}token_path=/vod/`
  const bunny = `HS256-${createHmac('sha256', KEY).update(bunnyText).digest('base64url')}`
  const md5 = hash('md5', `${EXPIRES}/vod/clip/segment-00017.m4s ${KEY}`, 'base64url')
  const path = '/vod/clip/segment-00017.m4s'
  return [
    {
      what: 'hmac in the path',
      rules: { scheme: hmac, carriers: [{ carrier: 'path', name: 'token' }] },
      url: `/token=${token}${path}`,
    },
    {
      what: 'hmac in the query',
      rules: { scheme: hmac, carriers: [{ carrier: 'query', name: 'token' }] },
      url: `${path}?token=${token}`,
    },
    {
      what: 'hmac in a cookie',
      rules: { scheme: hmac, carriers: [{ carrier: 'cookie', name: 'token' }] },
      url: path,
      cookie: `theme=dark; token=${token}`,
    },
    {
      what: 'secure-link',
      rules: {
        scheme: secureLinkScheme({
          keys,
          expression: '$secure_link_expires$uri $key',
          name: 'md5',
          expiresName: 'expires',
        }),
        carriers: [{ carrier: 'query', name: 'md5' }],
      },
      url: `${path}?md5=${md5}&expires=${EXPIRES}`,
    },
    {
      what: 'edgeauth in the query',
      rules: {
        scheme: edgeAuthScheme({ keys, name: 'hdnts', salt: undefined, clientIp: false }),
        carriers: [{ carrier: 'query', name: 'hdnts' }],
      },
      url: `${path}?hdnts=${edge}`,
    },
    {
      what: 'bunny in the query',
      rules: { scheme: bunnyScheme({ keys, clientIp: false }), carriers: [{ carrier: 'query', name: 'token' }] },
      url: `${path}?token=${bunny}&expires=${EXPIRES}&token_path=%2Fvod%2F`,
    },
  ]
}

/** Microseconds of one check: the best of some rounds, since everything else on the machine only adds to it. */
export function tokenCostUs({ rules, url, cookie }: Case): number {
  const access = new Access({ tokens: rules }, { isTrusted: compileTrust([]), isSeenByOrigin: false })
  const takePathToken = pathTokens(access.pathName === undefined ? [] : [access.pathName])
  const req = new IncomingMessage(new Socket())
  if (cookie !== undefined) Object.assign(req.headers, { cookie })
  const once = () => {
    const target = takePathToken(parseTarget(url))
    if (target.kind === 'refused') throw new Error(target.text)
    const outcome = access.check(req, target, NOW_MS, () => undefined)
    if (typeof outcome === 'string') throw new Error(outcome)
  }
  const parsing = () => {
    if (parseTarget(url).kind === 'refused') throw new Error('refused')
  }
  return timed(once) - timed(parsing)
}

/** Of this thread's own time: what others do with the machine meanwhile does not count. */
function timed(work: () => void): number {
  for (let count = 0; count < WARM_UP; count += 1) work()
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.threadCpuUsage()
    for (let count = 0; count < CHECKS; count += 1) work()
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / CHECKS
  })
  return Math.min(...rounds)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const one of cases()) {
    const us = tokenCostUs(one)
    process.stdout.write(
      `${one.what.padEnd(24)} ${us.toFixed(2)} µs   aim ≤ ${MOST_US} µs${us <= MOST_US ? '' : '   MISSED'}\n`,
    )
  }
}
