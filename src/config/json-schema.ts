/**
 * The published JSON Schema of the configuration file, for completion and hover text in editors.
 *
 * Run as a program it writes the published file; a test keeps that equal to what the code says.
 */

import { writeFileSync } from 'node:fs'
import * as z from 'zod'
import { configSchema } from './schema.ts'

/** Where the schema is published, beside the configurations that refer to it. */
export const PUBLISHED_SCHEMA = new URL('../../config/segment-shield.schema.json', import.meta.url)

/** The text of the published file. Describes configurations as they are written, variables included. */
export function configJsonSchema(): string {
  return `${JSON.stringify(toJsonSchema(configSchema), null, 2)}\n`
}

function toJsonSchema(schema: z.core.$ZodType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    // The draft that editors know best.
    target: 'draft-07',
    override: ({ zodSchema, jsonSchema }) => {
      // zod leaves these two out where a value is transformed; ours are in the file's own notation and right.
      const { default: written, examples } = z.globalRegistry.get(zodSchema) ?? {}
      if (written !== undefined) jsonSchema['default'] = written
      if (Array.isArray(examples)) jsonSchema.examples = examples
      // Sections that may be left out are empty by default, which tells nobody anything.
      if (JSON.stringify(jsonSchema.default) === '{}') delete jsonSchema.default
    },
  })
}

if (import.meta.main) writeFileSync(PUBLISHED_SCHEMA, configJsonSchema())
