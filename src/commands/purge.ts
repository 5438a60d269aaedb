/** `segment-shield purge`: takes out of a running shield's memory what is named. */

import { purged } from '../admin/schemas.ts'
import { adminClient, CONNECTION_OPTIONS, parseOptions } from './admin-client.ts'
import type { Terminal } from './terminal.ts'

const OPTIONS = {
  ...CONNECTION_OPTIONS,
  prefix: { type: 'string', multiple: true },
  pattern: { type: 'string', multiple: true },
  key: { type: 'string', multiple: true },
  everything: { type: 'boolean' },
  soft: { type: 'boolean' },
} as const

export async function purge(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals: urls } = parseOptions(args, OPTIONS)
  const client = await adminClient(values, terminal)
  const text = await client.ask('POST', '/purge', {
    urls,
    prefixes: values.prefix,
    patterns: values.pattern,
    surrogateKeys: values.key,
    everything: values.everything,
    mode: values.soft ? 'soft' : 'hard',
  })
  if (values.json) return terminal.print(`${text}\n`)
  const { mode, answers, fills } = purged.parse(JSON.parse(text))
  const done = mode === 'soft' ? 'made stale' : 'purged'
  const underWay = fills === 0 ? '' : `; ${fills} fetched at that moment will not be stored`
  terminal.print(`${done} ${answers} ${answers === 1 ? 'answer' : 'answers'}${underWay}\n`)
}
