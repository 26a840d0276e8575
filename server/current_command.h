// What a worker is executing, for the crash report.
//
// Threads     Each worker announces itself on its own thread; the report is written by the thread
//             that crashed, from a signal handler, about itself.
#pragma once

namespace alai {

class CrashWriter;
class Dispatcher;

// `dispatcher` belongs to this thread from now on; nullptr: to nobody any more.
void AnnounceDispatcher(const Dispatcher* dispatcher);

// Writes the client and the command with its arguments; `redact` leaves out all that users sent but
// the command's name. For CrashReportOptions.
void WriteCurrentCommand(CrashWriter& out, bool redact);

}  // namespace alai
