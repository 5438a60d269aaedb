/** `segment-shield reload`: has a running shield read its configuration and its certificates again. */

import { reloaded } from '../admin/schemas.ts'
import { adminClient, CONNECTION_OPTIONS, parseOptions } from './admin-client.ts'
import { type Terminal, UsageError } from './terminal.ts'

export async function reload(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals } = parseOptions(args, CONNECTION_OPTIONS)
  if (positionals.length > 0) throw new UsageError('reload takes no operands')
  const client = await adminClient(values, terminal)
  const text = await client.ask('POST', '/reload', {})
  if (values.json) return terminal.print(`${text}\n`)
  const { result, changed, certificates, restartNeeded } = reloaded.parse(JSON.parse(text))
  const lines = [
    result === 'unchanged' ? 'nothing has changed' : 'reloaded',
    ...changed.map((path) => `  ${path}`),
    ...certificates.map((file) => `  certificate ${file}`),
    ...(restartNeeded.length === 0 ? [] : ['for the next start', ...restartNeeded.map((path) => `  ${path}`)]),
  ]
  terminal.print(`${lines.join('\n')}\n`)
}
