"""Reports of a case: JSON record, PNG contact sheet, HTML page.

All three read only a ``CaseResult``, write to the given path (a temporary one, see ``spinal_tf.files``), name files
without their folders, and include `notice`.
"""

from spinal_tf.report.case_page import write_html
from spinal_tf.report.figure import write_contact_sheet
from spinal_tf.report.notice import notice
from spinal_tf.report.record import case_json, write_json

__all__ = ["case_json", "notice", "write_contact_sheet", "write_html", "write_json"]
