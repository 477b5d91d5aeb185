export { type AnswerTable, toAnswerTable } from './answer-table.ts';
export {
  EXPORT_FORMAT_FACTS,
  EXPORT_FORMATS,
  exportTable,
  type ExportFormat,
  type ExportOptions,
} from './export-table.ts';
export type { ExportedTable } from './table.ts';
