/**
 * `sign`: a URL with a token that its route takes, or the cookie that carries one.
 *
 * Keys come out of a configuration, the environment or a file, never from the command line, where every user of the
 * machine could read them, and none gets into a message.
 */

import { readFileSync } from 'node:fs'
import { quoted } from '../config/path.ts'
import { type SigningRules, signingRulesFor } from '../config/signing.ts'
import { parseTime } from '../config/units.ts'
import { sign } from '../server/access/sign.ts'
import { type Terminal, UsageError } from './terminal.ts'

/** As `parseArgs` wants them. */
export const SIGN_OPTIONS = {
  config: { type: 'string' },
  'key-env': { type: 'string' },
  'key-file': { type: 'string' },
  'key-name': { type: 'string' },
  covers: { type: 'string' },
  expires: { type: 'string' },
  ip: { type: 'string' },
  in: { type: 'string' },
  name: { type: 'string' },
} as const

export type SignValues = Readonly<Partial<Record<keyof typeof SIGN_OPTIONS, string>>>

/** What of the world it needs. */
export interface SignSurroundings extends Pick<Terminal, 'environment' | 'readConfig'> {
  /** Milliseconds since 1970. */
  now(): Promise<number>
}

const CARRIERS = ['path', 'query', 'cookie'] as const
const DEFAULT_EXPIRES = '6h'
const MIN_KEY_BYTES = 16

/** @throws {UsageError} */
export async function signed(
  operands: readonly string[],
  values: SignValues,
  surroundings: SignSurroundings,
): Promise<string> {
  const [url, ...others] = operands
  if (url === undefined || url === '') throw new UsageError('expected the URL to sign')
  if (others.length > 0) throw new UsageError('expected only one URL')
  const rules = await signingRules(url, values, surroundings)
  const [byDefault] = Object.keys(rules.keys)
  const keyName = values['key-name'] ?? byDefault ?? ''
  const key = Object.hasOwn(rules.keys, keyName) ? rules.keys[keyName] : undefined
  if (key === undefined) {
    const known = Object.keys(rules.keys).join(', ')
    throw new UsageError(`--key-name: expected the name of a key (${known}), got ${quoted(keyName)}`)
  }
  const carrier = CARRIERS.find((one) => one === (values.in ?? rules.in[0]))
  if (carrier === undefined || !rules.in.includes(carrier)) {
    throw new UsageError(`--in: expected ${rules.in.join(' or ')}, got ${quoted(values.in ?? '')}`)
  }
  const lifetimeMs = parseTime(values.expires ?? DEFAULT_EXPIRES)
  if (lifetimeMs === undefined || lifetimeMs < 1000) {
    throw new UsageError(
      `--expires: expected a time from 1s, such as 30m, 6h or 2d, got ${quoted(values.expires ?? '')}`,
    )
  }
  if (rules.clientIp && values.ip === undefined)
    throw new UsageError('--ip: the route wants tokens to name their client')
  const expiresSeconds = Math.ceil(((await surroundings.now()) + lifetimeMs) / 1000)
  const { name } = rules
  const outcome = sign({ url, keyName, key, covers: values.covers, expiresSeconds, client: values.ip, carrier, name })
  if ('fault' in outcome) throw new UsageError(outcome.fault)
  return outcome.text
}

/** Out of the configuration, or out of the options where there is none. */
async function signingRules(
  url: string,
  values: SignValues,
  { environment, readConfig }: SignSurroundings,
): Promise<Omit<SigningRules, 'scheme'>> {
  const sources = [values.config, values['key-env'], values['key-file']].filter((source) => source !== undefined)
  if (sources.length !== 1) throw new UsageError('expected one of --config, --key-env and --key-file')
  if (values.config !== undefined) {
    if (values.name !== undefined) throw new UsageError('--name: the configuration says it')
    const rules = signingRulesFor(url, await readConfig(values.config))
    if ('fault' in rules) throw new UsageError(rules.fault)
    return rules
  }
  const key = readKey(values, environment)
  if (Buffer.byteLength(key) < MIN_KEY_BYTES) throw new UsageError(`expected a key of at least ${MIN_KEY_BYTES} bytes`)
  const { 'key-name': keyName = 'k1', name = 'token' } = values
  if (!/^[A-Za-z][A-Za-z0-9]{0,31}$/.test(keyName)) {
    throw new UsageError('--key-name: expected letters and digits, a letter first')
  }
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw new UsageError('--name: expected letters, digits, dashes and underscores')
  }
  return { keys: { [keyName]: key }, name, clientIp: false, in: CARRIERS }
}

function readKey({ 'key-env': variable, 'key-file': file }: SignValues, environment: Terminal['environment']): string {
  if (variable !== undefined) {
    const key = Object.hasOwn(environment, variable) ? environment[variable] : undefined
    if (key === undefined) throw new UsageError('--key-env: there is no such environment variable')
    return key
  }
  try {
    return readFileSync(file ?? '', 'utf8').trim()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    throw new UsageError(`--key-file: cannot be read (${code})`, { cause })
  }
}
