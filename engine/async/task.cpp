#include "engine/async/task.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace swarmfs::async {

bool is_cancellation(std::exception_ptr error) {
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& failure) {
        return failure.code() == boost::asio::error::operation_aborted;
    } catch (...) {
        return false;
    }
}

void throw_cancellation() {
    throw boost::system::system_error(boost::asio::error::operation_aborted);
}

}  // namespace swarmfs::async
