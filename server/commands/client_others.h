// CLIENT subcommands that look at or act on other clients; their rows are in client.cc.
#pragma once

namespace alai {

class Call;

void ClientInfo(Call& call);
void ClientList(Call& call);
void ClientKill(Call& call);
void ClientUnblock(Call& call);
void ClientPause(Call& call);
void ClientUnpause(Call& call);

}  // namespace alai
