/** A small configuration that is right, and what comes of it when one thing in it is changed. */
import { loadConfig } from '../../src/config/load.ts'
import type { Config, S3OriginConfig } from '../../src/config/schema.ts'
import { ConfigError } from '../../src/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const GOOD = {
  listen: [{ address: '127.0.0.1:8080' }],
  origins: { spaces: { type: 's3', endpoint: 'https://sfo3.example.com', region: 'sfo3', bucket: 'media' } },
  routes: [{ match: '/**', origin: 'spaces' }],
}

/** The good configuration as JSON, which is YAML too, with `value` at a path such as `origins.spaces.pool`. */
export function goodWith(path = '', value?: unknown): string {
  const tree: unknown = structuredClone(GOOD)
  const parts = path.split(/[.[\]]+/).filter((part) => part !== '')
  const last = parts.pop()
  let place = tree
  for (const part of parts) {
    const holder = asMapping(place)
    holder[part] ??= {}
    place = holder[part]
  }
  if (last !== undefined) asMapping(place)[last] = value
  return JSON.stringify(tree)
}

/** What was made of that text. */
export function load(text: string, environment: Environment = {}): Config {
  return loadConfig({ text, file: 'shield.yaml' }, environment)
}

/** The one origin of the good configuration. */
export function storeOf({ origins }: Config): S3OriginConfig {
  const origin = Object.values(origins)[0]
  if (origin?.type !== 's3') throw new Error('the first origin is no s3 origin')
  return origin
}

/** Every problem as the operator reads it, one a line; none for a good configuration. */
export function problemsOf(text: string, environment: Environment = {}): string[] {
  try {
    load(text, environment)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n')
    throw error
  }
}

function asMapping(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new Error('no mapping or list on the way')
}
