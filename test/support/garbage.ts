/** Whether anybody still holds what nobody should need any more. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** How many of these are left when garbage has been collected; to be asked again, since turns under way hold some. */
export async function aliveOf(references: readonly WeakRef<object>[]): Promise<number> {
  // Whoever looks at a WeakRef keeps what it refers to until the turn is over.
  await new Promise((resolve) => setImmediate(resolve))
  collect()
  return references.filter((one) => one.deref() !== undefined).length
}
